package io.usagekit.postgres.internal;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.zip.CRC32;

/**
 * The columns of the mapped tables as they are in the database, checked against the mapping.
 *
 * @param mapping the mapping, with the stored sizes that it was to find out
 * @param projects the columns of the table of projects by name
 * @param events the columns of the table of events by name
 * @param deliveries the columns of the table of deliveries by name
 * @param partitionKeys by which columns the tables of events and deliveries are partitioned
 */
public record TableShape(
        TableMapping mapping,
        Map<String, Column> projects,
        Map<String, Column> events,
        Map<String, Column> deliveries,
        PartitionKeys partitionKeys) {

    /** The columns by which tables are partitioned, at each level; none if they aren't. */
    record PartitionKeys(Set<String> events, Set<String> deliveries) {}

    /**
     * A column.
     *
     * @param type as PostgreSQL writes it
     * @param defaultValue the expression that new rows take; empty if they take null or a generated value
     * @param generated whether it is computed from other columns
     * @param inView whether the table is a view, whose columns say nothing about null and default
     */
    record Column(String type, boolean nullable, String defaultValue, boolean generated, boolean inView) {}

    private static final SqlStatements STATEMENTS = SqlStatements.of(SqlFiles.of("catalog.sql"), Map.of());

    private static final String INSTANT = "timestamp with time zone";
    private static final String TIMESTAMP = "timestamp without time zone";
    static final Set<String> TIMES = Set.of(INSTANT, TIMESTAMP, "date");
    private static final Set<String> TEXT_OR_BYTES = Set.of("text", "character varying", "character", "bytea");
    private static final Set<String> JSON = Set.of("json", "jsonb");
    /** Columns in which a gateway stores the octets of payload columns, by the names of those. */
    private static final Map<String, String> DETECTED = Map.of("raw", "raw_bytes", "data", "data_bytes");

    private static final String DETECTED_IN_DELIVERIES = "event_bytes";
    static final Set<String> WHOLE_NUMBERS = Set.of("smallint", "integer", "bigint", "numeric");

    /**
     * Reads the columns of the tables and checks them.
     *
     * @throws UsageCalculationException if the schema, a table or a column isn't there, or a column's type doesn't fit
     */
    public static TableShape read(Connection connection, TableMapping mapping) throws SQLException {
        Map<String, Column> projects = table(connection, mapping, "projects", mapping.projects());
        Map<String, Column> events = table(connection, mapping, "events", mapping.events());
        Map<String, Column> deliveries = table(connection, mapping, "deliveries", mapping.deliveries());
        TableMapping resolved = withStoredSizes(mapping, events, deliveries);
        check(resolved, projects, events, deliveries);
        PartitionKeys keys = new PartitionKeys(
                partitionKey(connection, mapping, mapping.events()),
                partitionKey(connection, mapping, mapping.deliveries()));
        return new TableShape(resolved, projects, events, deliveries, keys);
    }

    private static Set<String> partitionKey(Connection connection, TableMapping mapping, String table)
            throws SQLException {
        return Set.copyOf(SqlCall.of(connection, STATEMENTS.template("partition-keys"))
                .text("table", Identifiers.qualified(mapping.schema(), table))
                .list(row -> row.text("name")));
    }

    /** Whether one of the tables is partitioned, by whatever columns. */
    public boolean isPartitioned() {
        return !partitionKeys.events().isEmpty() || !partitionKeys.deliveries().isEmpty();
    }

    /** Whether no table is partitioned by another column than its time. */
    public boolean isPartitionedByTimeAlone() {
        return Set.of(mapping.eventCreatedAt()).containsAll(partitionKeys.events())
                && Set.of(mapping.deliveryCreatedAt()).containsAll(partitionKeys.deliveries());
    }

    /** Whether the events are partitioned by their time, alone or with other columns. */
    public boolean partitionsEventsByTime() {
        return partitionKeys.events().contains(mapping.eventCreatedAt());
    }

    /** Whether the events are partitioned by their project, alone or with other columns. */
    public boolean partitionsEventsByProject() {
        return partitionKeys.events().contains(mapping.eventProjectId());
    }

    /** Whether the deliveries are partitioned by their time, alone or with other columns. */
    public boolean partitionsDeliveriesByTime() {
        return partitionKeys.deliveries().contains(mapping.deliveryCreatedAt());
    }

    /** Whether the deliveries are partitioned by their project, alone or with other columns. */
    public boolean partitionsDeliveriesByProject() {
        return partitionKeys.deliveries().contains(mapping.deliveryProjectId());
    }

    /** Names the stored sizes that the mapping finds out. */
    private static TableMapping withStoredSizes(
            TableMapping mapping, Map<String, Column> events, Map<String, Column> deliveries) {
        TableMapping.Builder resolved = mapping.toBuilder();
        if (mapping.detectsStoredBytes()) {
            resolved.withoutStoredBytes();
            DETECTED.forEach((payload, stored) -> {
                if (mapping.payload().contains(payload) && holdsSizes(events, stored)) {
                    resolved.storedBytes(payload, stored);
                }
            });
        }
        if (mapping.detectsDeliveryStoredBytes()) {
            resolved.withoutDeliveryStoredBytes();
            if (holdsSizes(deliveries, DETECTED_IN_DELIVERIES)) {
                resolved.deliveryStoredBytes(DETECTED_IN_DELIVERIES);
            }
        }
        return resolved.build();
    }

    private static boolean holdsSizes(Map<String, Column> columns, String name) {
        Column column = columns.get(name);
        return column != null && WHOLE_NUMBERS.contains(column.type());
    }

    private static void check(
            TableMapping mapping,
            Map<String, Column> projects,
            Map<String, Column> events,
            Map<String, Column> deliveries) {
        require(projects, mapping.projects(), "projectId", mapping.projectId());
        require(projects, mapping.projects(), "projectOrganisationId", mapping.projectOrganisationId());
        mapping.projectDeletedAt()
                .ifPresent(column -> requireMark(projects, mapping.projects(), "projectDeletedAt", column));

        require(events, mapping.events(), "eventId", mapping.eventId());
        require(events, mapping.events(), "eventProjectId", mapping.eventProjectId());
        requireInstant(mapping, events, mapping.events(), "eventCreatedAt", mapping.eventCreatedAt());
        mapping.eventDeletedAt().ifPresent(column -> requireMark(events, mapping.events(), "eventDeletedAt", column));
        requireComparableMarks(mapping, projects, events);
        mapping.payload().forEach(column -> requireMeasurable(events, mapping.events(), column));
        mapping.storedBytes().ifPresent(column -> requireWholeNumber(events, mapping.events(), "storedBytes", column));
        mapping.payloadStoredBytes()
                .values()
                .forEach(column -> requireWholeNumber(events, mapping.events(), "storedBytes", column));

        require(deliveries, mapping.deliveries(), "deliveryProjectId", mapping.deliveryProjectId());
        require(deliveries, mapping.deliveries(), "deliveryEventId", mapping.deliveryEventId());
        require(deliveries, mapping.deliveries(), "deliveryStatus", mapping.deliveryStatus());
        requireInstant(mapping, deliveries, mapping.deliveries(), "deliveryCreatedAt", mapping.deliveryCreatedAt());
        mapping.deliveryStoredBytes()
                .ifPresent(
                        column -> requireWholeNumber(deliveries, mapping.deliveries(), "deliveryStoredBytes", column));
    }

    /**
     * Reads the columns of the tables and checks them for an operation that computes no figure.
     *
     * @throws UsageStorageException as {@link #read} throws a {@link UsageCalculationException}
     */
    public static TableShape readForStorage(Connection connection, TableMapping mapping) throws SQLException {
        try {
            return read(connection, mapping);
        } catch (UsageCalculationException e) {
            throw new UsageStorageException(String.valueOf(e.getMessage()), e);
        }
    }

    /**
     * Checks the column that tells deliveries apart, which figures don't need.
     *
     * @throws UsageStorageException if it isn't there
     */
    public void checkDeliveryId() {
        try {
            require(deliveries, mapping.deliveries(), "deliveryId", mapping.deliveryId());
        } catch (UsageCalculationException e) {
            throw UsageStorageException.permanent(
                    e.getMessage() + "; map deliveryId to a column that differs between deliveries of one instant", e);
        }
    }

    /** Returns the type of the column of organisations' ids, as PostgreSQL writes it; a domain's base type. */
    public String organisationIdType() {
        return require(projects, mapping.projects(), "projectOrganisationId", mapping.projectOrganisationId())
                .type();
    }

    /** Returns the type of the column of organisations' ids, as PostgreSQL writes it; a domain's base type. */
    public static String organisationIdType(Connection connection, TableMapping mapping) throws SQLException {
        Map<String, Column> projects = table(connection, mapping, "projects", mapping.projects());
        return require(projects, mapping.projects(), "projectOrganisationId", mapping.projectOrganisationId())
                .type();
    }

    /** Returns a digest of the names and types of all columns. */
    String types() {
        CRC32 digest = new CRC32();
        for (Map<String, Column> table : List.of(projects, events, deliveries)) {
            new TreeMap<>(table)
                    .forEach((name, column) ->
                            digest.update((name + " " + column.type() + "\n").getBytes(StandardCharsets.UTF_8)));
        }
        return String.format(Locale.ROOT, "%08x", digest.getValue());
    }

    /** Whether a payload column has to be cast to text to be measured. */
    boolean isJson(String eventColumn) {
        return JSON.contains(column(eventColumn).type());
    }

    /** Whether a column of events is of a type that can't hold a number beyond {@code bigint}, a fraction, or what is no number. */
    boolean isWholeNumber(String eventColumn) {
        return !column(eventColumn).type().equals("numeric");
    }

    /** Whether the same is true of a column of deliveries. */
    boolean isWholeNumberOfDeliveries(String name) {
        Column column = deliveries.get(name);
        return column != null && !column.type().equals("numeric");
    }

    boolean isNullable(String eventColumn) {
        return column(eventColumn).nullable();
    }

    /** Whether the times of events are without a zone. */
    boolean hasZonelessEvents() {
        return isZoneless(events, mapping.eventCreatedAt());
    }

    /** Whether the times of deliveries are without a zone. */
    boolean hasZonelessDeliveries() {
        return isZoneless(deliveries, mapping.deliveryCreatedAt());
    }

    private static boolean isZoneless(Map<String, Column> columns, String name) {
        return Optional.ofNullable(columns.get(name))
                .filter(column -> column.type().equals(TIMESTAMP))
                .isPresent();
    }

    /** Returns the mark that a checked column is. */
    DeletionMark mark(Map<String, Column> columns, String name) {
        return Optional.ofNullable(columns.get(name))
                .flatMap(
                        column -> mapping.isNullInLiveRows() ? Optional.of(DeletionMark.NULL) : DeletionMark.of(column))
                .orElseThrow(() -> new IllegalStateException("the column " + name + " hasn't been checked"));
    }

    private Column column(String eventColumn) {
        Column column = events.get(eventColumn);
        if (column == null) {
            throw new IllegalStateException("the column " + eventColumn + " hasn't been checked");
        }
        return column;
    }

    private static Map<String, Column> table(Connection connection, TableMapping mapping, String role, String table)
            throws SQLException {
        String qualified = Identifiers.qualified(mapping.schema(), table);
        Map<String, Column> columns = columns(connection, qualified);
        if (columns.isEmpty()) {
            String missing = schemaExists(connection, mapping)
                    ? "there is no table " + qualified + " (mapped as " + role + ")"
                    : "there is no schema " + Identifiers.quote(mapping.schema()) + " (mapped as schema)";
            throw UsageCalculationException.permanent(missing + remedy(mapping), null);
        }
        return columns;
    }

    /** Reads the columns of a table, qualified and quoted, by name; none if there is no such table. */
    static Map<String, Column> columns(Connection connection, String table) throws SQLException {
        Map<String, Column> columns = new LinkedHashMap<>();
        SqlCall.of(connection, STATEMENTS.template("columns"))
                .text("table", table)
                .forEach(row -> columns.put(
                        row.text("name"),
                        new Column(
                                row.text("type"),
                                row.flag("nullable"),
                                row.text("default_value"),
                                row.flag("generated"),
                                row.flag("in_view"))));
        return columns;
    }

    private static String remedy(TableMapping mapping) {
        return mapping.schema().equals(TableMapping.DEFAULT_SCHEMA)
                ? ": install the library's own tables first, by PostgresUsage.install or the command install, or pass the"
                        + " mapping of yours"
                : "";
    }

    private static boolean schemaExists(Connection connection, TableMapping mapping) throws SQLException {
        return SqlCall.of(connection, STATEMENTS.template("schema-exists"))
                .text("schema", Identifiers.quote(mapping.schema()))
                .answer();
    }

    private static Column require(Map<String, Column> columns, String table, String argument, String name) {
        Column column = columns.get(name);
        if (column == null) {
            throw UsageCalculationException.permanent(
                    "the table " + Identifiers.quote(table) + " has no column " + Identifiers.quote(name)
                            + " (mapped as " + argument + "); it has " + String.join(", ", columns.keySet()),
                    null);
        }
        return column;
    }

    private static void requireInstant(
            TableMapping mapping, Map<String, Column> columns, String table, String argument, String name) {
        String type = require(columns, table, argument, name).type();
        if (!type.equals(INSTANT)
                && !(type.equals(TIMESTAMP) && mapping.timestampsIn().isPresent())) {
            throw unfit(
                    table,
                    argument,
                    name,
                    type.equals(TIMESTAMP)
                            ? type + "; if it holds times in UTC, map timestampsIn(ZoneOffset.UTC)"
                            : type,
                    INSTANT + ": without a zone it names no instant");
        }
    }

    /** The times of both marks are compared, which dates and times without a zone would be with an error of hours. */
    private static void requireComparableMarks(
            TableMapping mapping, Map<String, Column> projects, Map<String, Column> events) {
        if (mapping.keepsDeletedProjects()) {
            String project = require(
                            projects,
                            mapping.projects(),
                            "projectDeletedAt",
                            mapping.projectDeletedAt().orElseThrow())
                    .type();
            String event = require(
                            events,
                            mapping.events(),
                            "eventDeletedAt",
                            mapping.eventDeletedAt().orElseThrow())
                    .type();
            if (!project.equals(event) || !(project.equals(INSTANT) || project.equals(TIMESTAMP))) {
                throw UsageCalculationException.permanent(
                        "keepDeletedProjects compares the times at which projects and events were deleted, which must be of one type, "
                                + INSTANT + " or " + TIMESTAMP + ", but projectDeletedAt is " + project
                                + " and eventDeletedAt is " + event,
                        null);
            }
        }
    }

    private static void requireMark(Map<String, Column> columns, String table, String argument, String name) {
        Column column = require(columns, table, argument, name);
        if (DeletionMark.of(column).isEmpty()) {
            throw unfit(
                    table,
                    argument,
                    name,
                    column.type() + (column.nullable() ? "" : " not null")
                            + (column.defaultValue().isEmpty() ? "" : " default " + column.defaultValue())
                            + (column.inView() ? " in a view" : "")
                            + "; map a boolean column that is true in deleted rows, generated from this one if need be",
                    "null, false, 0 by default or infinity by default in rows that aren't deleted");
        }
    }

    private static void requireMeasurable(Map<String, Column> columns, String table, String name) {
        String type = require(columns, table, "payload", name).type();
        if (!TEXT_OR_BYTES.contains(type) && !JSON.contains(type)) {
            throw unfit(table, "payload", name, type, "text, varchar, char, bytea, json or jsonb");
        }
    }

    private static void requireWholeNumber(Map<String, Column> columns, String table, String argument, String name) {
        String type = require(columns, table, argument, name).type();
        if (!WHOLE_NUMBERS.contains(type)) {
            throw unfit(table, argument, name, type, "smallint, integer, bigint or numeric");
        }
    }

    private static UsageCalculationException unfit(
            String table, String argument, String name, String type, String bound) {
        return UsageCalculationException.permanent(
                "the column " + Identifiers.quote(name) + " of " + Identifiers.quote(table) + " (mapped as " + argument
                        + ") must be " + bound + ", but is " + type,
                null);
    }
}
