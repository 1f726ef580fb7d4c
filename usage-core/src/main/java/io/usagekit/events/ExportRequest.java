package io.usagekit.events;

import io.usagekit.internal.Arguments;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * What is exported: the live events of a project created before an instant, in the order of {@link EventOrder#ASCENDING}, or those of all
 * projects, one project after the other in the order of the code points of their ids; where that is asked for, from another instant on, with
 * deleted ones and with endpoints.
 * Immutable.
 *
 * @since 0.1
 */
public final class ExportRequest {

    private final Builder values;

    private ExportRequest(Builder values) {
        this.values = values;
    }

    /**
     * Creates a builder of an uncompressed JSON array, from the first event on.
     *
     * @param before truncated to microseconds, in the years 1 to 9999; one that lies in the past, where an export may have to be
     *     resumed: what is recorded meanwhile is no part of it then
     * @throws IllegalArgumentException if one of them is out of bounds
     */
    public static Builder builder(String projectId, Instant before) {
        return new Builder(Optional.of(Bounds.id("projectId", projectId)), Bounds.instant("before", before));
    }

    /**
     * Creates such a builder for the events of all projects.
     *
     * @param before as in {@link #builder}
     * @throws IllegalArgumentException if it is out of bounds
     */
    public static Builder ofAllProjects(Instant before) {
        return new Builder(Optional.empty(), Bounds.instant("before", before));
    }

    /** Whose events; empty: those of all projects. */
    public Optional<String> projectId() {
        return values.projectId;
    }

    /** Only those created before it. */
    public Instant before() {
        return values.before;
    }

    /** Only those created at it or later; empty: from the first one on. */
    public Optional<Instant> from() {
        return values.from;
    }

    /** Whether deleted ones are exported. */
    public EventFilter.State state() {
        return values.state;
    }

    /** Whether each has the endpoints to which it is to be delivered. */
    public boolean hasEndpoints() {
        return values.hasEndpoints;
    }

    /** The filter that the exported events meet. */
    public EventFilter filter() {
        return EventFilter.builder()
                .window(new EventWindow(values.from, Optional.of(values.before)))
                .state(values.state)
                .build();
    }

    /** How they stand beside each other. */
    public Format format() {
        return values.format;
    }

    /** Whether it is compressed. */
    public Compression compression() {
        return values.compression;
    }

    /** Where it is resumed; empty: it is started. */
    public Optional<String> cursor() {
        return values.cursor;
    }

    /** How long one snapshot is read. */
    public Duration snapshotFor() {
        return values.snapshotFor;
    }

    /** What is called after each batch. */
    public Consumer<ExportProgress> listener() {
        return values.listener;
    }

    /**
     * Describes an export. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private final Optional<String> projectId;
        private final Instant before;
        private Optional<Instant> from = Optional.empty();
        private EventFilter.State state = EventFilter.State.LIVE;
        private boolean hasEndpoints;
        private Format format = Format.JSON;
        private Compression compression = Compression.NONE;
        private Optional<String> cursor = Optional.empty();
        private Duration snapshotFor = Duration.ofMinutes(15);
        private Consumer<ExportProgress> listener = progress -> {};

        private Builder(Optional<String> projectId, Instant before) {
            this.projectId = projectId;
            this.before = before;
        }

        private Builder(Builder other) {
            projectId = other.projectId;
            before = other.before;
            from = other.from;
            state = other.state;
            hasEndpoints = other.hasEndpoints;
            format = other.format;
            compression = other.compression;
            cursor = other.cursor;
            snapshotFor = other.snapshotFor;
            listener = other.listener;
        }

        /** Created at this instant, truncated to microseconds, or later; from the first one on, by default. */
        public Builder from(Instant from) {
            this.from = Optional.of(Bounds.instant("from", from));
            return this;
        }

        /**
         * In this state; {@link EventFilter.State#LIVE} by default. With {@link EventFilter.State#ANY} an event that is deleted
         * has {@code deleted_at} as well.
         */
        public Builder state(EventFilter.State state) {
            this.state = Objects.requireNonNull(state, "state");
            return this;
        }

        /** Each event has {@code endpoint_ids} as well, in the order of code points; it hasn't by default. */
        public Builder withEndpoints() {
            hasEndpoints = true;
            return this;
        }

        /** {@link Format#JSON} by default. */
        public Builder format(Format format) {
            this.format = Objects.requireNonNull(format, "format");
            return this;
        }

        /** {@link Compression#NONE} by default. */
        public Builder compression(Compression compression) {
            this.compression = Objects.requireNonNull(compression, "compression");
            return this;
        }

        /** Resumes an export of the same project, instants, state, endpoints, format and compression where this cursor says. */
        public Builder resume(String cursor) {
            this.cursor = Optional.of(cursor);
            return this;
        }

        /**
         * Sets how long one snapshot of the database is read, at most 24 h; 15 min by default. While it is read, vacuum removes no row that
         * was deleted since. An export that takes longer, e.g. since its sink is slow, goes on in a new snapshot, as one that is resumed
         * does: the events after that place are in it as they are by then, with those recorded meanwhile and without those deleted for good
         * meanwhile. Those soft-deleted meanwhile are in it if its {@linkplain #state state} accepts them.
         *
         * @throws IllegalArgumentException if it is out of bounds
         */
        public Builder snapshotFor(Duration snapshotFor) {
            this.snapshotFor = Arguments.positive("snapshotFor", snapshotFor);
            return this;
        }

        /** Sets what is called after each batch, on the exporting thread; what it throws ends the export. Nothing by default. */
        public Builder listener(Consumer<ExportProgress> listener) {
            this.listener = Objects.requireNonNull(listener, "listener");
            return this;
        }

        /**
         * What is described.
         *
         * @throws IllegalArgumentException if {@code from} isn't before the instant at which the export ends
         */
        public ExportRequest build() {
            ExportRequest request = new ExportRequest(new Builder(this));
            request.filter(); // checks the window
            return request;
        }
    }

    /** How exported events stand beside each other; each is a JSON object (RFC 8259), in UTF-8. */
    public enum Format {
        /** One array; {@code []} if there are none. */
        JSON,
        /** One on each line; nothing if there are none. */
        NDJSON
    }

    /** Whether an export is compressed. */
    public enum Compression {
        /** It isn't. */
        NONE,
        /** By gzip (RFC 1952), one member for each batch: members one after the other are a file as well. */
        GZIP
    }
}
