package io.usagekit.postgres;

import java.time.ZoneId;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.LinkedHashMap;
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
 * <p>Ids may be of any type that has an equality; {@code created_at} columns are {@code timestamptz}, or {@code timestamp} that holds
 * times in UTC ({@link Builder#timestampsIn}). Event ids are unique in their table, in all partitions: deliveries of an id that several
 * events have may count several times. Names are taken literally (case and all) and quoted; they and the statuses are the host's
 * configuration, everything else is bound. Whether the tables and columns exist, and have fitting types, is checked at the first
 * computation. Tables may be partitioned. Immutable.
 *
 * <p>A column that marks deleted projects or events ({@link Builder#projectDeletedAt(String)},
 * {@link Builder#eventDeletedAt(String)}) is read by its type. A {@code boolean} is false or null in a row that isn't deleted; a time
 * or date is null or {@code infinity}; an integer or {@code numeric} with the default 0 is 0 or null; a column of another kind is
 * null. A column whose default marks new rows as deleted, or that can't be null and has no default which marks them as live, is
 * rejected at the first computation; {@code boolean not null} needs no default. In the library's own tables null alone marks live rows.
 *
 * <p>The size of an event is the sum of its payload columns, in octets as PostgreSQL keeps them: {@code text},
 * {@code varchar}, {@code char} in the database's encoding, {@code bytea} as it is, {@code json} and {@code jsonb} in their
 * text form; null counts 0. Where the host stores sizes beside the payload, of the whole event
 * ({@link Builder#storedBytes(String)}) or of each payload column ({@link Builder#storedBytes(String, String)}), these are
 * taken, and the payload is measured only for rows in which the stored size is null.
 *
 * <p>A delivery's octets are those of its event. A size that is stored in the delivery
 * ({@link Builder#deliveryStoredBytes(String)}) counts where the event was deleted, where its size is null, and, if it is the larger
 * one, where a payload column without a stored size has been emptied: is null, {@code ''} or an empty JSON document.
 *
 * @since 0.1
 */
public final class TableMapping {

    /** The schema in which {@link PostgresUsage#install} creates the library's own tables unless another one is named. */
    public static final String DEFAULT_SCHEMA = "usagekit";

    private final Map<MappingName, String> names;
    private final List<String> payload;
    private final Map<String, String> payloadStoredBytes;
    private final Set<String> deliveredStatuses;
    private final Set<MappingName> detected;
    private final boolean isOwn;
    private final Optional<ZoneId> timestampsIn;
    private final boolean keepsDeletedProjects;

    private TableMapping(Builder builder) {
        this.names = new EnumMap<>(builder.names);
        this.payload = builder.payload;
        this.payloadStoredBytes = Collections.unmodifiableMap(new LinkedHashMap<>(builder.payloadStoredBytes));
        this.deliveredStatuses = builder.deliveredStatuses;
        this.detected = Set.copyOf(builder.detected);
        this.isOwn = builder.isOwn;
        this.timestampsIn = builder.timestampsIn;
        this.keepsDeletedProjects = builder.keepsDeletedProjects;
    }

    /** The library's own tables in the schema {@value #DEFAULT_SCHEMA}. */
    public static TableMapping usagekit() {
        return usagekit(DEFAULT_SCHEMA);
    }

    /** The library's own tables, as {@link PostgresUsage#install} creates them, in this schema. */
    public static TableMapping usagekit(String schema) {
        Builder builder = builder(schema).payload().storedBytes("payload_bytes");
        builder.isOwn = true;
        return builder.build();
    }

    /** A webhook gateway's tables in the schema {@code convoy}. */
    public static TableMapping gateway() {
        return gateway("convoy");
    }

    /**
     * A webhook gateway's tables: {@code projects(id, organisation_id, deleted_at)}, {@code events(id, project_id, raw, data,
     * created_at, deleted_at)}, {@code event_deliveries(id, project_id, event_id, status, created_at)}. Whichever of the stored sizes
     * {@code events.raw_bytes}, {@code events.data_bytes} and {@code event_deliveries.event_bytes} exist when the tables are first
     * used are taken; {@link PostgresUsage#discover} returns the mapping that names them.
     */
    public static TableMapping gateway(String schema) {
        Builder builder = builder(schema);
        builder.detected.addAll(Set.of(MappingName.STORED_BYTES, MappingName.DELIVERY_STORED_BYTES));
        return builder.build();
    }

    /** Returns a builder that begins with the names of {@link #gateway(String)}. */
    public static Builder builder(String schema) {
        Map<MappingName, String> names = new EnumMap<>(MappingName.class);
        for (MappingName name : MappingName.values()) {
            if (!name.initial.isEmpty()) {
                names.put(name, name.initial);
            }
        }
        return new Builder(names, List.of("raw", "data"), Map.of(), Set.of("Success"), Set.of()).schema(schema);
    }

    /** Returns a builder that begins with the names of this mapping. */
    public Builder toBuilder() {
        Builder builder = new Builder(names, payload, payloadStoredBytes, deliveredStatuses, detected);
        builder.isOwn = isOwn;
        builder.timestampsIn = timestampsIn;
        builder.keepsDeletedProjects = keepsDeletedProjects;
        return builder;
    }

    /** The schema that holds the three tables. */
    public String schema() {
        return name(MappingName.SCHEMA);
    }

    /** The table of projects. */
    public String projects() {
        return name(MappingName.PROJECTS);
    }

    /** The column of a project's id. */
    public String projectId() {
        return name(MappingName.PROJECT_ID);
    }

    /** The column of the organisation that a project belongs to. */
    public String projectOrganisationId() {
        return name(MappingName.PROJECT_ORGANISATION_ID);
    }

    /** The column that marks deleted projects; empty where projects are never soft-deleted. */
    public Optional<String> projectDeletedAt() {
        return Optional.ofNullable(names.get(MappingName.PROJECT_DELETED_AT));
    }

    /** The table of events. */
    public String events() {
        return name(MappingName.EVENTS);
    }

    /** The column of an event's id. */
    public String eventId() {
        return name(MappingName.EVENT_ID);
    }

    /** The column of an event's project. */
    public String eventProjectId() {
        return name(MappingName.EVENT_PROJECT_ID);
    }

    /** The column of the time when an event was received. */
    public String eventCreatedAt() {
        return name(MappingName.EVENT_CREATED_AT);
    }

    /** The column that marks deleted events; empty where events are never soft-deleted. */
    public Optional<String> eventDeletedAt() {
        return Optional.ofNullable(names.get(MappingName.EVENT_DELETED_AT));
    }

    /** The columns whose octets are an event's size. */
    public List<String> payload() {
        return payload;
    }

    /** The column of an event's whole size in octets; empty where that isn't stored. */
    public Optional<String> storedBytes() {
        return Optional.ofNullable(names.get(MappingName.STORED_BYTES));
    }

    /** The columns of the sizes in octets of single payload columns, by the names of those. */
    public Map<String, String> payloadStoredBytes() {
        return payloadStoredBytes;
    }

    /** The column of a delivery's size in octets; empty where that isn't stored. */
    public Optional<String> deliveryStoredBytes() {
        return Optional.ofNullable(names.get(MappingName.DELIVERY_STORED_BYTES));
    }

    /** Whether null alone marks live rows, as it does in the library's own tables for the event ledger, too. */
    public boolean isNullInLiveRows() {
        return isOwn;
    }

    /** Whether stored sizes of events are looked for in columns such as {@code raw_bytes}, as those of {@link #gateway()} are. */
    public boolean detectsStoredBytes() {
        return detected.contains(MappingName.STORED_BYTES);
    }

    /** Whether a stored size of deliveries is looked for in the column {@code event_bytes}, as that of {@link #gateway()} is. */
    public boolean detectsDeliveryStoredBytes() {
        return detected.contains(MappingName.DELIVERY_STORED_BYTES);
    }

    /** The table of deliveries. */
    public String deliveries() {
        return name(MappingName.DELIVERIES);
    }

    /** The column that tells deliveries of one instant apart; read for pages of rows only, not for figures. */
    public String deliveryId() {
        return name(MappingName.DELIVERY_ID);
    }

    /** The column of a delivery's project. */
    public String deliveryProjectId() {
        return name(MappingName.DELIVERY_PROJECT_ID);
    }

    /** The column of the event that a delivery delivers. */
    public String deliveryEventId() {
        return name(MappingName.DELIVERY_EVENT_ID);
    }

    /** The column of a delivery's status. */
    public String deliveryStatus() {
        return name(MappingName.DELIVERY_STATUS);
    }

    /** The column of the time when a delivery was made. */
    public String deliveryCreatedAt() {
        return name(MappingName.DELIVERY_CREATED_AT);
    }

    /** The zone of times in columns of the type {@code timestamp}; empty if only {@code timestamptz} is accepted. */
    public Optional<ZoneId> timestampsIn() {
        return timestampsIn;
    }

    /** Whether events that were deleted with their project count; see {@link Builder#keepDeletedProjects}. */
    public boolean keepsDeletedProjects() {
        return keepsDeletedProjects;
    }

    /** The statuses that count as delivered. */
    public Set<String> deliveredStatuses() {
        return deliveredStatuses;
    }

    private String name(MappingName name) {
        return Objects.requireNonNull(names.get(name), name.argument);
    }

    /** Names tables and columns; what isn't named keeps the name it began with. Not thread-safe. */
    public static final class Builder {
        private final Map<MappingName, String> names;
        private List<String> payload;
        private final Map<String, String> payloadStoredBytes;
        private Set<String> deliveredStatuses;
        private final Set<MappingName> detected = EnumSet.noneOf(MappingName.class);
        private boolean isOwn;
        private Optional<ZoneId> timestampsIn = Optional.empty();
        private boolean keepsDeletedProjects;

        private Builder(
                Map<MappingName, String> names,
                List<String> payload,
                Map<String, String> payloadStoredBytes,
                Set<String> deliveredStatuses,
                Set<MappingName> detected) {
            this.names = new EnumMap<>(names);
            this.payload = payload;
            this.payloadStoredBytes = new LinkedHashMap<>(payloadStoredBytes);
            this.deliveredStatuses = deliveredStatuses;
            this.detected.addAll(detected);
        }

        private Builder set(MappingName name, String value) {
            names.put(name, MappingName.identifier(name.argument, value));
            detected.remove(name);
            return this;
        }

        private Builder remove(MappingName name) {
            names.remove(name);
            detected.remove(name);
            return this;
        }

        /** The schema of all three tables. */
        public Builder schema(String name) {
            return set(MappingName.SCHEMA, name);
        }

        /** The table of projects. */
        public Builder projects(String table) {
            return set(MappingName.PROJECTS, table);
        }

        /** The id of a project. */
        public Builder projectId(String column) {
            return set(MappingName.PROJECT_ID, column);
        }

        /** The organisation that a project belongs to. */
        public Builder projectOrganisationId(String column) {
            return set(MappingName.PROJECT_ORGANISATION_ID, column);
        }

        /** The column that marks deleted projects: a time, a flag, or null in live ones; see {@link TableMapping}. */
        public Builder projectDeletedAt(String column) {
            isOwn = false;
            return set(MappingName.PROJECT_DELETED_AT, column);
        }

        /** Projects are never soft-deleted. */
        public Builder withoutProjectDeletion() {
            return remove(MappingName.PROJECT_DELETED_AT);
        }

        /** The table of events. */
        public Builder events(String table) {
            return set(MappingName.EVENTS, table);
        }

        /** The id of an event, which no other event has, in any partition. */
        public Builder eventId(String column) {
            return set(MappingName.EVENT_ID, column);
        }

        /** The project of an event. */
        public Builder eventProjectId(String column) {
            return set(MappingName.EVENT_PROJECT_ID, column);
        }

        /** When an event was received; {@code timestamptz}, or {@code timestamp} with {@link #timestampsIn}. A row in which it is null belongs to no window. */
        public Builder eventCreatedAt(String column) {
            return set(MappingName.EVENT_CREATED_AT, column);
        }

        /** The column that marks deleted events: a time, a flag, or null in live ones; see {@link TableMapping}. */
        public Builder eventDeletedAt(String column) {
            isOwn = false;
            return set(MappingName.EVENT_DELETED_AT, column);
        }

        /** Events are never soft-deleted. */
        public Builder withoutEventDeletion() {
            return remove(MappingName.EVENT_DELETED_AT);
        }

        /** The columns whose octets are an event's size; none only where sizes are stored. */
        public Builder payload(String... columns) {
            payload = List.of(columns).stream()
                    .map(c -> MappingName.identifier("payload", c))
                    .toList();
            return this;
        }

        /** A column that holds an event's whole size in octets, of an integer type; null where it isn't known. */
        public Builder storedBytes(String column) {
            return set(MappingName.STORED_BYTES, column);
        }

        /** A column that holds the size in octets of one payload column, of an integer type; null where it isn't known. */
        public Builder storedBytes(String payloadColumn, String column) {
            payloadStoredBytes.put(payloadColumn, MappingName.identifier(MappingName.STORED_BYTES.argument, column));
            detected.remove(MappingName.STORED_BYTES);
            return this;
        }

        /** Sizes of events aren't stored: the payload is measured. */
        public Builder withoutStoredBytes() {
            payloadStoredBytes.clear();
            return remove(MappingName.STORED_BYTES);
        }

        /** A column of deliveries that holds the whole size of the event in octets, of an integer type; null where it isn't known. */
        public Builder deliveryStoredBytes(String column) {
            return set(MappingName.DELIVERY_STORED_BYTES, column);
        }

        /** Sizes aren't stored in deliveries. */
        public Builder withoutDeliveryStoredBytes() {
            return remove(MappingName.DELIVERY_STORED_BYTES);
        }

        /** The table of deliveries. */
        public Builder deliveries(String table) {
            return set(MappingName.DELIVERIES, table);
        }

        /** The id of a delivery, which pages of rows tell deliveries of one instant apart by; figures don't need it. */
        public Builder deliveryId(String column) {
            return set(MappingName.DELIVERY_ID, column);
        }

        /** The project of a delivery. */
        public Builder deliveryProjectId(String column) {
            return set(MappingName.DELIVERY_PROJECT_ID, column);
        }

        /** The event that a delivery delivers. */
        public Builder deliveryEventId(String column) {
            return set(MappingName.DELIVERY_EVENT_ID, column);
        }

        /** The status of a delivery, of a text or enumeration type. */
        public Builder deliveryStatus(String column) {
            return set(MappingName.DELIVERY_STATUS, column);
        }

        /** When a delivery was made; {@code timestamptz}, or {@code timestamp} with {@link #timestampsIn}. A row in which it is null belongs to no window. */
        public Builder deliveryCreatedAt(String column) {
            return set(MappingName.DELIVERY_CREATED_AT, column);
        }

        /**
         * The zone of times in columns of the type {@code timestamp}, without which only {@code timestamptz} is accepted: UTC, which is
         * what several ORMs write there.
         *
         * @throws IllegalArgumentException if the zone isn't UTC: where clocks are set back, an hour's times name two instants
         */
        public Builder timestampsIn(ZoneId zone) {
            timestampsIn = Optional.of(MappingChecks.utc(zone));
            return this;
        }

        /** While a project is soft-deleted, events that were so with it or after it count, where deleted projects do. Both marks are times. */
        public Builder keepDeletedProjects() {
            keepsDeletedProjects = true;
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
         * @throws IllegalArgumentException if there is neither a payload column nor a stored size, or no status, or if a column that
         *     marks deleted rows is mapped as something else as well, or is missing for {@link #keepDeletedProjects}
         */
        public TableMapping build() {
            MappingChecks.check(names, payload, payloadStoredBytes, deliveredStatuses, keepsDeletedProjects);
            return new TableMapping(this);
        }
    }
}
