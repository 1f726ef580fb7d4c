package io.usagekit.events;

import java.time.Instant;
import java.util.Collection;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * An event to be recorded. Ids, keys, types and statuses have at most 255 octets in UTF-8. Immutable.
 *
 * @since 0.1
 */
public final class NewEvent {

    private final Builder values;

    private NewEvent(Builder values) {
        this.values = values;
    }

    /**
     * Begins to describe an event.
     *
     * @param id the event's; unique in the ledger
     * @throws IllegalArgumentException if an id is blank or out of bounds
     */
    public static Builder builder(String projectId, String id) {
        return new Builder(Bounds.id("projectId", projectId), Bounds.id("id", id));
    }

    /** Project id. */
    public String projectId() {
        return values.projectId;
    }

    /** Unique in the ledger. */
    public String id() {
        return values.id;
    }

    /** What happened; empty if that isn't said. */
    public String type() {
        return values.type;
    }

    /** What it carries. */
    public Payload payload() {
        return values.payload;
    }

    /** By name in lower case. */
    public Map<String, String> headers() {
        return values.headers;
    }

    /** Where it came from; empty if from no source in particular. */
    public String sourceId() {
        return values.sourceId;
    }

    /** Empty if it has none. */
    public String idempotencyKey() {
        return values.idempotencyKey;
    }

    /** How far it is; empty if that isn't said. */
    public String status() {
        return values.status;
    }

    /** Where it is to be delivered, each once. */
    public Set<String> endpointIds() {
        return values.endpointIds;
    }

    /** When it was received; empty: when it is recorded. */
    public Optional<Instant> createdAt() {
        return values.createdAt;
    }

    /**
     * Describes an event. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private final String projectId;
        private final String id;
        private String type = "";
        private Payload payload = Payload.EMPTY;
        private Map<String, String> headers = Map.of();
        private String sourceId = "";
        private String idempotencyKey = "";
        private String status = "";
        private Set<String> endpointIds = Set.of();
        private Optional<Instant> createdAt = Optional.empty();

        private Builder(String projectId, String id) {
            this.projectId = projectId;
            this.id = id;
        }

        private Builder(Builder other) {
            projectId = other.projectId;
            id = other.id;
            type = other.type;
            payload = other.payload;
            headers = other.headers;
            sourceId = other.sourceId;
            idempotencyKey = other.idempotencyKey;
            status = other.status;
            endpointIds = other.endpointIds;
            createdAt = other.createdAt;
        }

        /** What happened, in the host's words; empty by default. */
        public Builder type(String type) {
            this.type = Bounds.word("type", type);
            return this;
        }

        /** What it carries; nothing by default. */
        public Builder payload(Payload payload) {
            this.payload = Objects.requireNonNull(payload, "payload");
            return this;
        }

        /**
         * Names and values; none by default. Names are stored in lower case; fields of one name have been put together by commas
         * (RFC 9110, 5.2). That named {@value Event#BROKER_MESSAGE_ID} has at most 255 octets.
         */
        public Builder headers(Map<String, String> headers) {
            this.headers = Headers.of(headers);
            return this;
        }

        /** Where it came from; no source in particular by default. */
        public Builder sourceId(String sourceId) {
            this.sourceId = Bounds.word("sourceId", sourceId);
            return this;
        }

        /** The same for each attempt to hand in the same event; empty, as by default: it has none and repeats nothing. */
        public Builder idempotencyKey(String idempotencyKey) {
            this.idempotencyKey = Bounds.word("idempotencyKey", idempotencyKey);
            return this;
        }

        /** How far it is, in the host's words; empty by default. */
        public Builder status(String status) {
            this.status = Bounds.word("status", status);
            return this;
        }

        /** Where it is to be delivered: any number; none by default. Those that are repeated count once. */
        public Builder endpointIds(Collection<String> endpointIds) {
            this.endpointIds = Collections.unmodifiableSet(Bounds.ids("endpointIds", endpointIds));
            return this;
        }

        /** When it was received, truncated to microseconds, in the years 1 to 9999; when it is recorded, by default. */
        public Builder createdAt(Instant createdAt) {
            this.createdAt = Optional.of(Bounds.instant("createdAt", createdAt));
            return this;
        }

        /** What is described. */
        public NewEvent build() {
            return new NewEvent(new Builder(this));
        }
    }
}
