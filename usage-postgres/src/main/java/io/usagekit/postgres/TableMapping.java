package io.usagekit.postgres;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * Which tables and columns hold what is counted. Three tables of one schema: projects belong to an organisation, events to a
 * project, deliveries to a project and an event.
 *
 * <p>Ids may be of any type that has an equality; {@code created_at} columns are {@code timestamptz}. Event ids are unique in
 * their table. Tables may be partitioned. Names are taken literally (case and all) and quoted; they and the statuses are the
 * host's configuration, everything else is bound. Whether the tables and columns exist, and have fitting types, is looked up
 * at the first computation. Immutable.
 *
 * <p>The size of an event is the sum of its payload columns, in octets as PostgreSQL keeps them: {@code text},
 * {@code varchar}, {@code char} in the database's encoding, {@code bytea} as it is, {@code json} and {@code jsonb} in their
 * text form; null counts 0. Where the host stores sizes beside the payload ({@link Builder#storedBytes(String)}), these are
 * taken, and the payload is measured only for rows in which the stored size is null.
 *
 * @since 0.1
 */
public final class TableMapping {

    /** The schema in which {@link PostgresUsage#install} creates the library's own tables unless told otherwise. */
    public static final String DEFAULT_SCHEMA = "usagekit";

    private static final int MAX_IDENTIFIER_BYTES = 63;

    private final Builder names;

    private TableMapping(Builder names) {
        this.names = names;
    }

    /** The library's own tables in the schema {@value #DEFAULT_SCHEMA}. */
    public static TableMapping usagekit() {
        return usagekit(DEFAULT_SCHEMA);
    }

    /** The library's own tables, as {@link PostgresUsage#install} creates them, in this schema. */
    public static TableMapping usagekit(String schema) {
        return builder(schema).payload().storedBytes("payload_bytes").build();
    }

    /** A webhook gateway's tables in the schema {@code convoy}. */
    public static TableMapping gateway() {
        return gateway("convoy");
    }

    /**
     * A webhook gateway's tables: {@code projects(id, organisation_id, deleted_at)}, {@code events(id, project_id, raw, data,
     * created_at, deleted_at)}, {@code event_deliveries(id, project_id, event_id, status, created_at)}.
     */
    public static TableMapping gateway(String schema) {
        return builder(schema).build();
    }

    /** Begins with the names of {@link #gateway(String)}. */
    public static Builder builder(String schema) {
        return new Builder(schema);
    }

    /** Begins with the names of this mapping. */
    public Builder toBuilder() {
        return new Builder(names);
    }

    /** The schema that holds the three tables. */
    public String schema() {
        return names.schema;
    }

    public String projects() {
        return names.projects;
    }

    public String projectId() {
        return names.projectId;
    }

    public String projectOrganisationId() {
        return names.projectOrganisationId;
    }

    public Optional<String> projectDeletedAt() {
        return names.projectDeletedAt;
    }

    public String events() {
        return names.events;
    }

    public String eventId() {
        return names.eventId;
    }

    public String eventProjectId() {
        return names.eventProjectId;
    }

    public String eventCreatedAt() {
        return names.eventCreatedAt;
    }

    public Optional<String> eventDeletedAt() {
        return names.eventDeletedAt;
    }

    public List<String> payload() {
        return names.payload;
    }

    public Optional<String> storedBytes() {
        return names.storedBytes;
    }

    public String deliveries() {
        return names.deliveries;
    }

    public String deliveryProjectId() {
        return names.deliveryProjectId;
    }

    public String deliveryEventId() {
        return names.deliveryEventId;
    }

    public String deliveryStatus() {
        return names.deliveryStatus;
    }

    public String deliveryCreatedAt() {
        return names.deliveryCreatedAt;
    }

    public Set<String> deliveredStatuses() {
        return names.deliveredStatuses;
    }

    /** Names tables and columns; what isn't named keeps the name it began with. Not thread-safe. */
    public static final class Builder {
        private String schema;
        private String projects = "projects";
        private String projectId = "id";
        private String projectOrganisationId = "organisation_id";
        private Optional<String> projectDeletedAt = Optional.of("deleted_at");
        private String events = "events";
        private String eventId = "id";
        private String eventProjectId = "project_id";
        private String eventCreatedAt = "created_at";
        private Optional<String> eventDeletedAt = Optional.of("deleted_at");
        private List<String> payload = List.of("raw", "data");
        private Optional<String> storedBytes = Optional.empty();
        private String deliveries = "event_deliveries";
        private String deliveryProjectId = "project_id";
        private String deliveryEventId = "event_id";
        private String deliveryStatus = "status";
        private String deliveryCreatedAt = "created_at";
        private Set<String> deliveredStatuses = Set.of("Success");

        private Builder(String schema) {
            this.schema = identifier("schema", schema);
        }

        private Builder(Builder other) {
            schema = other.schema;
            projects = other.projects;
            projectId = other.projectId;
            projectOrganisationId = other.projectOrganisationId;
            projectDeletedAt = other.projectDeletedAt;
            events = other.events;
            eventId = other.eventId;
            eventProjectId = other.eventProjectId;
            eventCreatedAt = other.eventCreatedAt;
            eventDeletedAt = other.eventDeletedAt;
            payload = other.payload;
            storedBytes = other.storedBytes;
            deliveries = other.deliveries;
            deliveryProjectId = other.deliveryProjectId;
            deliveryEventId = other.deliveryEventId;
            deliveryStatus = other.deliveryStatus;
            deliveryCreatedAt = other.deliveryCreatedAt;
            deliveredStatuses = other.deliveredStatuses;
        }

        /** The schema of all three tables. */
        public Builder schema(String name) {
            schema = identifier("schema", name);
            return this;
        }

        /** The table of projects. */
        public Builder projects(String table) {
            projects = identifier("projects", table);
            return this;
        }

        /** The id of a project. */
        public Builder projectId(String column) {
            projectId = identifier("projectId", column);
            return this;
        }

        /** The organisation that a project belongs to. */
        public Builder projectOrganisationId(String column) {
            projectOrganisationId = identifier("projectOrganisationId", column);
            return this;
        }

        /** Null in a project that is alive, of any type. */
        public Builder projectDeletedAt(String column) {
            projectDeletedAt = Optional.of(identifier("projectDeletedAt", column));
            return this;
        }

        /** Projects are never soft-deleted. */
        public Builder withoutProjectDeletion() {
            projectDeletedAt = Optional.empty();
            return this;
        }

        /** The table of events. */
        public Builder events(String table) {
            events = identifier("events", table);
            return this;
        }

        /** The id of an event. */
        public Builder eventId(String column) {
            eventId = identifier("eventId", column);
            return this;
        }

        /** The project of an event. */
        public Builder eventProjectId(String column) {
            eventProjectId = identifier("eventProjectId", column);
            return this;
        }

        /** When an event was received; {@code timestamptz}. A row in which it is null belongs to no window. */
        public Builder eventCreatedAt(String column) {
            eventCreatedAt = identifier("eventCreatedAt", column);
            return this;
        }

        /** Null in an event that is alive, of any type. */
        public Builder eventDeletedAt(String column) {
            eventDeletedAt = Optional.of(identifier("eventDeletedAt", column));
            return this;
        }

        /** Events are never soft-deleted. */
        public Builder withoutEventDeletion() {
            eventDeletedAt = Optional.empty();
            return this;
        }

        /** The columns whose octets are an event's size; none only where sizes are stored. */
        public Builder payload(String... columns) {
            payload =
                    List.of(columns).stream().map(c -> identifier("payload", c)).toList();
            return this;
        }

        /** A column that holds an event's whole size in octets, of an integer type; null where it isn't known. */
        public Builder storedBytes(String column) {
            storedBytes = Optional.of(identifier("storedBytes", column));
            return this;
        }

        /** Sizes aren't stored: the payload is measured. */
        public Builder withoutStoredBytes() {
            storedBytes = Optional.empty();
            return this;
        }

        /** The table of deliveries. */
        public Builder deliveries(String table) {
            deliveries = identifier("deliveries", table);
            return this;
        }

        /** The project of a delivery. */
        public Builder deliveryProjectId(String column) {
            deliveryProjectId = identifier("deliveryProjectId", column);
            return this;
        }

        /** The event that a delivery delivers. */
        public Builder deliveryEventId(String column) {
            deliveryEventId = identifier("deliveryEventId", column);
            return this;
        }

        /** The status of a delivery, of a text or enumeration type. */
        public Builder deliveryStatus(String column) {
            deliveryStatus = identifier("deliveryStatus", column);
            return this;
        }

        /** When a delivery was made; {@code timestamptz}. A row in which it is null belongs to no window. */
        public Builder deliveryCreatedAt(String column) {
            deliveryCreatedAt = identifier("deliveryCreatedAt", column);
            return this;
        }

        /** The statuses that count as delivered, at least one; {@code Success} by default. */
        public Builder deliveredStatuses(String... statuses) {
            deliveredStatuses = new LinkedHashSet<>(List.of(statuses));
            return this;
        }

        /**
         * Checks and builds.
         *
         * @throws IllegalArgumentException if there is neither a payload column nor a stored size, or no status
         */
        public TableMapping build() {
            if (payload.isEmpty() && storedBytes.isEmpty()) {
                throw new IllegalArgumentException(
                        "payload must name at least one column where storedBytes names none");
            }
            if (new LinkedHashSet<>(payload).size() < payload.size()) {
                throw new IllegalArgumentException("payload must name each column once, but was " + payload);
            }
            if (deliveredStatuses.isEmpty()) {
                throw new IllegalArgumentException("deliveredStatuses must name at least one status");
            }
            return new TableMapping(new Builder(this));
        }

        /** PostgreSQL cuts longer names without a word, and would then look at another table. */
        private static String identifier(String argument, String name) {
            Objects.requireNonNull(name, argument);
            int bytes = name.getBytes(StandardCharsets.UTF_8).length;
            if (name.isEmpty() || bytes > MAX_IDENTIFIER_BYTES || name.indexOf('\0') >= 0) {
                throw new IllegalArgumentException(argument + " must be an identifier of 1 to " + MAX_IDENTIFIER_BYTES
                        + " bytes without U+0000, but was \"" + name.replace("\0", "\\0") + "\" (" + bytes + " bytes)");
            }
            return name;
        }
    }
}
