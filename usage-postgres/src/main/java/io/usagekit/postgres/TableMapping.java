package io.usagekit.postgres;

import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * The tables and columns that hold events and deliveries. Three tables of one schema: projects belong to an organisation, events to a
 * project, deliveries to a project and an event.
 *
 * <p>Ids may be of any type that has an equality; {@code created_at} columns are {@code timestamptz}. Event ids are unique in
 * their table. Tables may be partitioned. Names are taken literally (case and all) and quoted; they and the statuses are the
 * host's configuration, everything else is bound. Whether the tables and columns exist, and have fitting types, is checked
 * at the first computation. Immutable.
 *
 * <p>A column that marks deleted projects or events ({@link Builder#projectDeletedAt(String)},
 * {@link Builder#eventDeletedAt(String)}) is read by its type. A {@code boolean} is false or null in a row that isn't deleted; a time
 * or date is null or {@code infinity}; an integer or {@code numeric} with the default 0 is 0 or null; a column of another kind is
 * null. A column whose default marks new rows as deleted, or that can't be null and has no default which marks them as live, is
 * rejected at the first computation; {@code boolean not null} needs no default.
 *
 * <p>The size of an event is the sum of its payload columns, in octets as PostgreSQL keeps them: {@code text},
 * {@code varchar}, {@code char} in the database's encoding, {@code bytea} as it is, {@code json} and {@code jsonb} in their
 * text form; null counts 0. Where the host stores sizes beside the payload ({@link Builder#storedBytes(String)}), these are
 * taken, and the payload is measured only for rows in which the stored size is null.
 *
 * @since 0.1
 */
public final class TableMapping {

    /** The schema in which {@link PostgresUsage#install} creates the library's own tables unless another one is named. */
    public static final String DEFAULT_SCHEMA = "usagekit";

    private static final int MAX_IDENTIFIER_BYTES = 63;

    /** What has a name of the host's, and the name that it has unless the host gives another one; empty: none. */
    private enum Name {
        SCHEMA("schema", ""),
        PROJECTS("projects", "projects"),
        PROJECT_ID("projectId", "id"),
        PROJECT_ORGANISATION_ID("projectOrganisationId", "organisation_id"),
        PROJECT_DELETED_AT("projectDeletedAt", "deleted_at"),
        EVENTS("events", "events"),
        EVENT_ID("eventId", "id"),
        EVENT_PROJECT_ID("eventProjectId", "project_id"),
        EVENT_CREATED_AT("eventCreatedAt", "created_at"),
        EVENT_DELETED_AT("eventDeletedAt", "deleted_at"),
        STORED_BYTES("storedBytes", ""),
        DELIVERIES("deliveries", "event_deliveries"),
        DELIVERY_PROJECT_ID("deliveryProjectId", "project_id"),
        DELIVERY_EVENT_ID("deliveryEventId", "event_id"),
        DELIVERY_STATUS("deliveryStatus", "status"),
        DELIVERY_CREATED_AT("deliveryCreatedAt", "created_at");

        private final String argument;
        private final String initial;

        Name(String argument, String initial) {
            this.argument = argument;
            this.initial = initial;
        }
    }

    private final Map<Name, String> names;
    private final List<String> payload;
    private final Set<String> deliveredStatuses;

    private TableMapping(Map<Name, String> names, List<String> payload, Set<String> deliveredStatuses) {
        this.names = names;
        this.payload = payload;
        this.deliveredStatuses = deliveredStatuses;
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

    /** Returns a builder that begins with the names of {@link #gateway(String)}. */
    public static Builder builder(String schema) {
        Map<Name, String> names = new EnumMap<>(Name.class);
        for (Name name : Name.values()) {
            if (!name.initial.isEmpty()) {
                names.put(name, name.initial);
            }
        }
        return new Builder(names, List.of("raw", "data"), Set.of("Success")).schema(schema);
    }

    /** Returns a builder that begins with the names of this mapping. */
    public Builder toBuilder() {
        return new Builder(names, payload, deliveredStatuses);
    }

    /** The schema that holds the three tables. */
    public String schema() {
        return name(Name.SCHEMA);
    }

    /** The table of projects. */
    public String projects() {
        return name(Name.PROJECTS);
    }

    /** The column of a project's id. */
    public String projectId() {
        return name(Name.PROJECT_ID);
    }

    /** The column of the organisation that a project belongs to. */
    public String projectOrganisationId() {
        return name(Name.PROJECT_ORGANISATION_ID);
    }

    /** The column that marks deleted projects; empty where projects are never soft-deleted. */
    public Optional<String> projectDeletedAt() {
        return Optional.ofNullable(names.get(Name.PROJECT_DELETED_AT));
    }

    /** The table of events. */
    public String events() {
        return name(Name.EVENTS);
    }

    /** The column of an event's id. */
    public String eventId() {
        return name(Name.EVENT_ID);
    }

    /** The column of an event's project. */
    public String eventProjectId() {
        return name(Name.EVENT_PROJECT_ID);
    }

    /** The column of the time when an event was received. */
    public String eventCreatedAt() {
        return name(Name.EVENT_CREATED_AT);
    }

    /** The column that marks deleted events; empty where events are never soft-deleted. */
    public Optional<String> eventDeletedAt() {
        return Optional.ofNullable(names.get(Name.EVENT_DELETED_AT));
    }

    /** The columns whose octets are an event's size. */
    public List<String> payload() {
        return payload;
    }

    /** The column of an event's size in octets; empty where sizes aren't stored. */
    public Optional<String> storedBytes() {
        return Optional.ofNullable(names.get(Name.STORED_BYTES));
    }

    /** The table of deliveries. */
    public String deliveries() {
        return name(Name.DELIVERIES);
    }

    /** The column of a delivery's project. */
    public String deliveryProjectId() {
        return name(Name.DELIVERY_PROJECT_ID);
    }

    /** The column of the event that a delivery delivers. */
    public String deliveryEventId() {
        return name(Name.DELIVERY_EVENT_ID);
    }

    /** The column of a delivery's status. */
    public String deliveryStatus() {
        return name(Name.DELIVERY_STATUS);
    }

    /** The column of the time when a delivery was made. */
    public String deliveryCreatedAt() {
        return name(Name.DELIVERY_CREATED_AT);
    }

    /** The statuses that count as delivered. */
    public Set<String> deliveredStatuses() {
        return deliveredStatuses;
    }

    private String name(Name name) {
        return Objects.requireNonNull(names.get(name), name.argument);
    }

    /** Names tables and columns; what isn't named keeps the name it began with. Not thread-safe. */
    public static final class Builder {
        private final Map<Name, String> names;
        private List<String> payload;
        private Set<String> deliveredStatuses;

        private Builder(Map<Name, String> names, List<String> payload, Set<String> deliveredStatuses) {
            this.names = new EnumMap<>(names);
            this.payload = payload;
            this.deliveredStatuses = deliveredStatuses;
        }

        private Builder set(Name name, String value) {
            names.put(name, identifier(name.argument, value));
            return this;
        }

        private Builder remove(Name name) {
            names.remove(name);
            return this;
        }

        /** The schema of all three tables. */
        public Builder schema(String name) {
            return set(Name.SCHEMA, name);
        }

        /** The table of projects. */
        public Builder projects(String table) {
            return set(Name.PROJECTS, table);
        }

        /** The id of a project. */
        public Builder projectId(String column) {
            return set(Name.PROJECT_ID, column);
        }

        /** The organisation that a project belongs to. */
        public Builder projectOrganisationId(String column) {
            return set(Name.PROJECT_ORGANISATION_ID, column);
        }

        /** The column that marks deleted projects: a time, a flag, or null in live ones; see {@link TableMapping}. */
        public Builder projectDeletedAt(String column) {
            return set(Name.PROJECT_DELETED_AT, column);
        }

        /** Projects are never soft-deleted. */
        public Builder withoutProjectDeletion() {
            return remove(Name.PROJECT_DELETED_AT);
        }

        /** The table of events. */
        public Builder events(String table) {
            return set(Name.EVENTS, table);
        }

        /** The id of an event. */
        public Builder eventId(String column) {
            return set(Name.EVENT_ID, column);
        }

        /** The project of an event. */
        public Builder eventProjectId(String column) {
            return set(Name.EVENT_PROJECT_ID, column);
        }

        /** When an event was received; {@code timestamptz}. A row in which it is null belongs to no window. */
        public Builder eventCreatedAt(String column) {
            return set(Name.EVENT_CREATED_AT, column);
        }

        /** The column that marks deleted events: a time, a flag, or null in live ones; see {@link TableMapping}. */
        public Builder eventDeletedAt(String column) {
            return set(Name.EVENT_DELETED_AT, column);
        }

        /** Events are never soft-deleted. */
        public Builder withoutEventDeletion() {
            return remove(Name.EVENT_DELETED_AT);
        }

        /** The columns whose octets are an event's size; none only where sizes are stored. */
        public Builder payload(String... columns) {
            payload =
                    List.of(columns).stream().map(c -> identifier("payload", c)).toList();
            return this;
        }

        /** A column that holds an event's whole size in octets, of an integer type; null where it isn't known. */
        public Builder storedBytes(String column) {
            return set(Name.STORED_BYTES, column);
        }

        /** Sizes aren't stored: the payload is measured. */
        public Builder withoutStoredBytes() {
            return remove(Name.STORED_BYTES);
        }

        /** The table of deliveries. */
        public Builder deliveries(String table) {
            return set(Name.DELIVERIES, table);
        }

        /** The project of a delivery. */
        public Builder deliveryProjectId(String column) {
            return set(Name.DELIVERY_PROJECT_ID, column);
        }

        /** The event that a delivery delivers. */
        public Builder deliveryEventId(String column) {
            return set(Name.DELIVERY_EVENT_ID, column);
        }

        /** The status of a delivery, of a text or enumeration type. */
        public Builder deliveryStatus(String column) {
            return set(Name.DELIVERY_STATUS, column);
        }

        /** When a delivery was made; {@code timestamptz}. A row in which it is null belongs to no window. */
        public Builder deliveryCreatedAt(String column) {
            return set(Name.DELIVERY_CREATED_AT, column);
        }

        /** The statuses that count as delivered, at least one; {@code Success} by default. */
        public Builder deliveredStatuses(String... statuses) {
            deliveredStatuses = new LinkedHashSet<>(List.of(statuses));
            return this;
        }

        /**
         * Checks and builds.
         *
         * @throws IllegalArgumentException if there is neither a payload column nor a stored size, or no status, or if a column that
         *     marks deleted rows is mapped as something else as well
         */
        public TableMapping build() {
            if (payload.isEmpty() && !names.containsKey(Name.STORED_BYTES)) {
                throw new IllegalArgumentException(
                        "payload must name at least one column where storedBytes names none");
            }
            if (new LinkedHashSet<>(payload).size() < payload.size()) {
                throw new IllegalArgumentException("payload must name each column once, but was " + payload);
            }
            if (deliveredStatuses.isEmpty()) {
                throw new IllegalArgumentException("deliveredStatuses must name at least one status");
            }
            checkMark(Name.PROJECT_DELETED_AT, Name.PROJECT_ID, Name.PROJECT_ORGANISATION_ID);
            checkMark(
                    Name.EVENT_DELETED_AT,
                    Name.EVENT_ID,
                    Name.EVENT_PROJECT_ID,
                    Name.EVENT_CREATED_AT,
                    Name.STORED_BYTES);
            if (payload.contains(names.get(Name.EVENT_DELETED_AT))) {
                throw sharedMark(Name.EVENT_DELETED_AT, "payload");
            }
            return new TableMapping(new EnumMap<>(names), payload, deliveredStatuses);
        }

        /** A column that is set in live rows would mark all of them as deleted. */
        private void checkMark(Name mark, Name... others) {
            for (Name other : others) {
                if (names.containsKey(mark) && names.get(mark).equals(names.get(other))) {
                    throw sharedMark(mark, other.argument);
                }
            }
        }

        private IllegalArgumentException sharedMark(Name mark, String other) {
            return new IllegalArgumentException(mark.argument + " must name a column that is set in deleted rows only, but \""
                    + names.get(mark) + "\" is mapped as " + other + " as well");
        }

        /** PostgreSQL truncates longer names with a notice only, and would then read another table. */
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
