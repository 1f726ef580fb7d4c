package io.usagekit.postgres.rollups;

import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.rollups.internal.FeedNames;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The types of the roll-ups' columns that hold ids of the host's tables.
 *
 * @param operators the schemas in which trigger functions look for operators, quoted
 * @param statusOperator the operator by which statuses are compared, with its schema and types; empty if it is one of PostgreSQL's own
 */
record IdTypes(IdTypes.IdType projectId, IdTypes.IdType eventId, String operators, Optional<String> statusOperator) {

    /** Type of a column, and its collation; empty if that is the type's own. */
    record IdType(String type, String collation) {

        String definition() {
            return collation.isEmpty() ? type : type + " collate " + collation;
        }
    }

    /** Type of a column, its collation if that isn't the type's own, and the schema of the type. */
    private record ColumnType(String type, String collation, String schema) {

        static ColumnType of(SqlRow row) throws SQLException {
            return new ColumnType(row.text("type"), row.text("collation"), row.text("schema"));
        }
    }

    /** Returns those for tables as they are now. */
    static IdTypes of(Connection connection, RollupSql sql) throws SQLException {
        TableMapping mapping = sql.mapping();
        ColumnType projectId = column(connection, sql, "projects", mapping.projectId());
        ColumnType eventsProjectId = column(connection, sql, "events", mapping.eventProjectId());
        ColumnType deliveriesProjectId = column(connection, sql, "deliveries", mapping.deliveryProjectId());
        ColumnType eventId = column(connection, sql, "events", mapping.eventId());
        ColumnType deliveriesEventId = column(connection, sql, "deliveries", mapping.deliveryEventId());
        ColumnType status = column(connection, sql, "deliveries", mapping.deliveryStatus());
        return new IdTypes(
                commonType(connection, projectId, eventsProjectId, deliveriesProjectId),
                commonType(connection, eventId, deliveriesEventId),
                operatorSchemas(projectId, eventsProjectId, deliveriesProjectId, eventId, deliveriesEventId, status),
                operator(connection, status));
    }

    /** Returns the operator that a type brings along; an enum, for example, brings none. */
    private static Optional<String> operator(Connection connection, ColumnType column) throws SQLException {
        String operator = column.schema() + ".=(" + column.type() + "," + column.type() + ")";
        boolean isOwn = !column.schema().equals("pg_catalog")
                && RollupSql.callWithoutNames(connection, "has-operator")
                        .text("operator", operator)
                        .answer();
        return isOwn ? Optional.of(operator) : Optional.empty();
    }

    /** Returns the statement of trigger functions that fails once that operator isn't there any more; empty if none can. */
    String checkOperators() {
        return statusOperator
                .map(operator -> "if pg_catalog.to_regoperator(" + Identifiers.literal(operator) + ") is null then\n"
                        + "        raise exception 'the operators of the statuses'' type aren''t where they were at install()';\n"
                        + "    end if;\n    ")
                .orElse("");
    }

    /** Returns the script that creates the roll-ups' tables and functions, for a major version of PostgreSQL. */
    String tablesScript(RollupSql sql, int serverVersion) {
        return sql.tablesScript(this, serverVersion);
    }

    /** Gives retained sums, which are kept, the columns of this version, and ids the types that they have in this mapping. */
    void prepareRetained(Connection connection, RollupSql sql) throws SQLException {
        Jdbc.limit(connection, "statement_timeout", Duration.ZERO);
        if (RollupCatalog.hasOlderRetained(connection, sql.schema())) {
            Jdbc.execute(connection, sql.upgradeRetainedScript());
        }
        Map<String, IdType> columns =
                new TreeMap<>(Map.of("project_id", projectId, "event_id", eventId, "delivered_event_id", eventId));
        for (Map.Entry<String, IdType> column : columns.entrySet()) {
            Optional<IdType> present = sql.call(connection, "column-type")
                    .text("table", Identifiers.qualified(sql.schema(), RollupSql.RETAINED))
                    .text("column", column.getKey())
                    .first(ColumnType::of)
                    .map(found -> new IdType(found.type(), found.collation()));
            if (present.isPresent() && !present.get().equals(column.getValue())) {
                // Sums without their project would be lost; what else is kept of deleted rows may be unknown.
                String script = column.getKey().equals("project_id") ? "convert-retained" : "convert-samples";
                Jdbc.execute(connection, sql.convertScript(script, column.getKey(), column.getValue()));
            }
        }
        Jdbc.execute(connection, sql.addSamplesScript(eventId));
    }

    /** Drops the triggers of a feed from retained sums, which are kept: their function inserts project ids of the former type. */
    static void dropFeedTriggers(Connection connection, String schema) throws SQLException {
        Jdbc.execute(connection, FeedNames.dropTriggers(Identifiers.qualified(schema, RollupSql.RETAINED)));
    }

    private static ColumnType column(Connection connection, RollupSql sql, String table, String column)
            throws SQLException {
        return sql.call(connection, "column-type")
                .text("table", sql.table(table))
                .text("column", column)
                .one(ColumnType::of);
    }

    /** Returns the schemas of the columns' types: trigger functions find the same operators there as the combined query. */
    private static String operatorSchemas(ColumnType... columns) {
        return Stream.of(Stream.of("pg_catalog"), Stream.of(columns).map(ColumnType::schema), Stream.of("pg_temp"))
                .flatMap(schemas -> schemas)
                .distinct()
                .collect(Collectors.joining(", "));
    }

    /** Returns the type to which PostgreSQL converts columns that are compared with each other, such as varchar and text. */
    private static IdType commonType(Connection connection, ColumnType... columns) throws SQLException {
        String collation = columns[0].collation();
        if (Stream.of(columns).map(ColumnType::type).distinct().count() == 1) {
            return new IdType(columns[0].type(), collation);
        }
        String nulls = List.of(columns).stream()
                .map(column -> "null::" + column.type())
                .collect(Collectors.joining(", "));
        return new IdType(RollupSql.commonType(connection, nulls).one(row -> row.text("type")), collation);
    }
}
