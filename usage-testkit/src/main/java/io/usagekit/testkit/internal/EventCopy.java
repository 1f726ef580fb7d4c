package io.usagekit.testkit.internal;

import io.usagekit.events.Event;
import java.time.Instant;
import java.util.Optional;

/** Builder of a copy of an event with other values of some properties. */
public final class EventCopy {

    private final Event event;
    private boolean duplicate;
    private String status;
    private long bytes;
    private Instant createdAt;
    private Optional<Instant> deletedAt;
    private Optional<Instant> updatedAt;
    private String metadata;

    private EventCopy(Event event) {
        this.event = event;
        duplicate = event.duplicate();
        status = event.status();
        bytes = event.bytes();
        createdAt = event.createdAt();
        deletedAt = event.deletedAt();
        updatedAt = event.updatedAt();
        metadata = event.metadata();
    }

    /** Starts with all properties of the event. */
    public static EventCopy of(Event event) {
        return new EventCopy(event);
    }

    /** Sets {@link Event#duplicate}. */
    public EventCopy duplicate(boolean duplicate) {
        this.duplicate = duplicate;
        return this;
    }

    /** Sets {@link Event#status}. */
    public EventCopy status(String status) {
        this.status = status;
        return this;
    }

    /** Sets {@link Event#bytes}. */
    public EventCopy bytes(long bytes) {
        this.bytes = bytes;
        return this;
    }

    /** Sets {@link Event#createdAt}. */
    public EventCopy createdAt(Instant createdAt) {
        this.createdAt = createdAt;
        return this;
    }

    /** Sets {@link Event#deletedAt}. */
    public EventCopy deletedAt(Optional<Instant> deletedAt) {
        this.deletedAt = deletedAt;
        return this;
    }

    /** Sets {@link Event#updatedAt}. */
    public EventCopy updatedAt(Optional<Instant> updatedAt) {
        this.updatedAt = updatedAt;
        return this;
    }

    /** Sets {@link Event#metadata}. */
    public EventCopy metadata(String metadata) {
        this.metadata = metadata;
        return this;
    }

    /** Returns the copy. */
    public Event build() {
        return new Event(
                event.id(),
                event.projectId(),
                event.type(),
                event.payload(),
                event.headerValues(),
                event.sourceId(),
                event.idempotencyKey(),
                duplicate,
                status,
                bytes,
                createdAt,
                deletedAt,
                event.acknowledgedAt(),
                updatedAt,
                event.urlPath(),
                event.urlQueryParams(),
                metadata);
    }
}
