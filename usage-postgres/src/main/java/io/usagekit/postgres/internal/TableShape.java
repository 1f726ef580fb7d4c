package io.usagekit.postgres.internal;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The columns of the mapped tables as they are in the database, checked against the mapping.
 *
 * @param events the columns of the table of events by name
 */
public record TableShape(Map<String, Column> events) {

    /** A column's type, as PostgreSQL writes it, and whether it may be null. */
    record Column(String type, boolean nullable) {}

    private static final SqlStatements STATEMENTS = SqlStatements.of(SqlFiles.of("catalog.sql"), Map.of());

    private static final String INSTANT = "timestamp with time zone";
    private static final Set<String> TEXT_OR_BYTES = Set.of("text", "character varying", "character", "bytea");
    private static final Set<String> JSON = Set.of("json", "jsonb");
    private static final Set<String> WHOLE_NUMBERS = Set.of("smallint", "integer", "bigint", "numeric");

    /**
     * Reads the columns of the tables and checks them.
     *
     * @throws UsageCalculationException if the schema, a table or a column isn't there, or a column's type doesn't fit
     */
    public static TableShape read(Connection connection, TableMapping mapping) throws SQLException {
        Map<String, Column> projects = table(connection, mapping, "projects", mapping.projects());
        require(projects, mapping.projects(), "projectId", mapping.projectId());
        require(projects, mapping.projects(), "projectOrganisationId", mapping.projectOrganisationId());
        mapping.projectDeletedAt()
                .ifPresent(column -> require(projects, mapping.projects(), "projectDeletedAt", column));

        Map<String, Column> events = table(connection, mapping, "events", mapping.events());
        require(events, mapping.events(), "eventId", mapping.eventId());
        require(events, mapping.events(), "eventProjectId", mapping.eventProjectId());
        requireInstant(events, mapping.events(), "eventCreatedAt", mapping.eventCreatedAt());
        mapping.eventDeletedAt().ifPresent(column -> require(events, mapping.events(), "eventDeletedAt", column));
        mapping.payload().forEach(column -> requireMeasurable(events, mapping.events(), column));
        mapping.storedBytes().ifPresent(column -> requireWholeNumber(events, mapping.events(), column));

        Map<String, Column> deliveries = table(connection, mapping, "deliveries", mapping.deliveries());
        require(deliveries, mapping.deliveries(), "deliveryProjectId", mapping.deliveryProjectId());
        require(deliveries, mapping.deliveries(), "deliveryEventId", mapping.deliveryEventId());
        require(deliveries, mapping.deliveries(), "deliveryStatus", mapping.deliveryStatus());
        requireInstant(deliveries, mapping.deliveries(), "deliveryCreatedAt", mapping.deliveryCreatedAt());
        return new TableShape(events);
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

    /** Whether a payload column has to be cast to text to be measured. */
    boolean isJson(String eventColumn) {
        return JSON.contains(column(eventColumn).type());
    }

    boolean isNullable(String eventColumn) {
        return column(eventColumn).nullable();
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
        Map<String, Column> columns = new LinkedHashMap<>();
        SqlCall.of(connection, STATEMENTS.template("columns"))
                .text("table", qualified)
                .forEach(row -> columns.put(row.text("name"), new Column(row.text("type"), row.flag("nullable"))));
        if (columns.isEmpty()) {
            throw UsageCalculationException.permanent(
                    schemaExists(connection, mapping)
                            ? "there is no table " + qualified + " (mapped as " + role + ")"
                            : "there is no schema " + Identifiers.quote(mapping.schema()) + " (mapped as schema)",
                    null);
        }
        return columns;
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

    private static void requireInstant(Map<String, Column> columns, String table, String argument, String name) {
        String type = require(columns, table, argument, name).type();
        if (!type.equals(INSTANT)) {
            throw unfit(table, argument, name, type, INSTANT + ": without a zone it names no instant");
        }
    }

    private static void requireMeasurable(Map<String, Column> columns, String table, String name) {
        String type = require(columns, table, "payload", name).type();
        if (!TEXT_OR_BYTES.contains(type) && !JSON.contains(type)) {
            throw unfit(table, "payload", name, type, "text, varchar, char, bytea, json or jsonb");
        }
    }

    private static void requireWholeNumber(Map<String, Column> columns, String table, String name) {
        String type = require(columns, table, "storedBytes", name).type();
        if (!WHOLE_NUMBERS.contains(type)) {
            throw unfit(table, "storedBytes", name, type, "smallint, integer, bigint or numeric");
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
