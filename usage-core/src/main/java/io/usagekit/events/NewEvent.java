package io.usagekit.events;

import java.time.Instant;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * An event to be recorded. Ids, keys, types and statuses have at most 255 octets in UTF-8, paths, queries and metadata 8,192. Immutable.
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

    /** One text for each name in lower case, as {@link Event#headers} has it. */
    public Map<String, String> headers() {
        return Headers.combined(values.headerValues);
    }

    /** The values of each name in lower case. */
    public Map<String, List<String>> headerValues() {
        return values.headerValues;
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

    /** When it was acknowledged to its sender; empty if that isn't known. */
    public Optional<Instant> acknowledgedAt() {
        return values.acknowledgedAt;
    }

    /** Path of the URL to which it was sent; empty if that isn't said. */
    public String urlPath() {
        return values.urlPath;
    }

    /** Query of the URL to which it was sent; empty if it has none. */
    public String urlQueryParams() {
        return values.urlQueryParams;
    }

    /** What the host keeps with it; empty if nothing. */
    public String metadata() {
        return values.metadata;
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
        private Map<String, List<String>> headerValues = Map.of();
        private String sourceId = "";
        private String idempotencyKey = "";
        private String status = "";
        private Set<String> endpointIds = Set.of();
        private Optional<Instant> createdAt = Optional.empty();
        private Optional<Instant> acknowledgedAt = Optional.empty();
        private String urlPath = "";
        private String urlQueryParams = "";
        private String metadata = "";

        private Builder(String projectId, String id) {
            this.projectId = projectId;
            this.id = id;
        }

        private Builder(Builder other) {
            projectId = other.projectId;
            id = other.id;
            type = other.type;
            payload = other.payload;
            headerValues = other.headerValues;
            sourceId = other.sourceId;
            idempotencyKey = other.idempotencyKey;
            status = other.status;
            endpointIds = other.endpointIds;
            createdAt = other.createdAt;
            acknowledgedAt = other.acknowledgedAt;
            urlPath = other.urlPath;
            urlQueryParams = other.urlQueryParams;
            metadata = other.metadata;
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

        /** Names with one value each, as {@link #headerValues}. */
        public Builder headers(Map<String, String> headers) {
            return headerValues(Headers.lists(headers));
        }

        /**
         * Names with one value or several in the order in which they were sent, instead of those given before; none by default. Names are
         * stored in lower case. {@value Event#BROKER_MESSAGE_ID} has one value of at most 255 octets.
         *
         * @throws IllegalArgumentException if a name is out of bounds as an id is, has no value, or is there twice in different cases; or if a
         *     value can't be stored, which the message doesn't quote
         */
        public Builder headerValues(Map<String, ? extends Collection<String>> headers) {
            this.headerValues = Headers.of(headers);
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

        /** When it was acknowledged to its sender, truncated to microseconds, in the years 1 to 9999; not known by default. */
        public Builder acknowledgedAt(Instant acknowledgedAt) {
            this.acknowledgedAt = Optional.of(Bounds.instant("acknowledgedAt", acknowledgedAt));
            return this;
        }

        /** Path of the URL to which it was sent, as it was sent, e.g. {@code /in/github}; empty by default. */
        public Builder urlPath(String urlPath) {
            this.urlPath = Bounds.text("urlPath", urlPath);
            return this;
        }

        /** Query of the URL to which it was sent, as it was sent, e.g. {@code a=1&b=2}; empty by default. */
        public Builder urlQueryParams(String urlQueryParams) {
            this.urlQueryParams = Bounds.text("urlQueryParams", urlQueryParams);
            return this;
        }

        /** What the host keeps with it, in the host's own format; it isn't counted, nor searched; empty by default. */
        public Builder metadata(String metadata) {
            this.metadata = Bounds.text("metadata", metadata);
            return this;
        }

        /** What is described. */
        public NewEvent build() {
            return new NewEvent(new Builder(this));
        }
    }
}
