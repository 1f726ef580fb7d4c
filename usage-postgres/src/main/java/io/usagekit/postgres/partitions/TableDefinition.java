package io.usagekit.postgres.partitions;

import io.usagekit.UsageCalculationException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A table as it stands in the catalog.
 *
 * @param isPartitioned whether it is
 * @param owner quoted
 * @param isOwn whether that is this role
 * @param key the column of its primary key, quoted
 * @param keyType with its collation
 * @param nullableTime whether the partitions' time may be null
 * @param options storage parameters as they follow a table's name
 * @param comment as a literal
 * @param rows as estimated
 */
record TableDefinition(
        boolean isPartitioned,
        String owner,
        boolean isOwn,
        String key,
        String keyType,
        boolean nullableTime,
        String options,
        Optional<String> comment,
        long rows) {

    /**
     * Looks it up and checks that it can be rebuilt.
     *
     * @throws UsageCalculationException if it can't
     */
    static TableDefinition read(Connection connection, RewriteSql sql) throws SQLException {
        Map<String, String> values = Map.of("table", sql.table(), "created_at", sql.createdAtName());
        try (PreparedStatement statement = sql.statement("rebuild-shape.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            if (!row.next()) {
                throw refused(sql, "there is no such table with a column " + sql.createdAt());
            }
            String kind = row.getString("kind");
            if (!kind.equals("r") && !kind.equals("p")) {
                throw refused(sql, "it is no table");
            }
            String key = row.getString("key");
            if (key == null) {
                throw refused(sql, "it needs a primary key of one column");
            }
            return new TableDefinition(
                    kind.equals("p"),
                    row.getString("owner"),
                    row.getBoolean("is_own"),
                    key,
                    row.getString("key_type"),
                    row.getBoolean("nullable"),
                    row.getString("options"),
                    Optional.ofNullable(row.getString("comment")),
                    row.getLong("rows"));
        }
    }

    /** What depends on the table and would go on depending on the old one, or has no counterpart. */
    static void checkObstacles(Connection connection, RewriteSql sql) throws SQLException {
        Map<String, String> values = Map.of("table", sql.table(), "partitions", sql.partitions());
        List<String> obstacles = sql.texts(connection, "rebuild-obstacles.sql", values, "obstacle");
        if (!obstacles.isEmpty()) {
            throw refused(sql, "in its way are " + String.join(", ", obstacles));
        }
    }

    static UsageCalculationException refused(RewriteSql sql, String reason) {
        return new UsageCalculationException("the table " + sql.table() + " can't be rebuilt: " + reason, null);
    }

    /**
     * An index.
     *
     * @param id as in {@code pg_class}
     * @param name quoted
     * @param definition what follows the name of a constraint, or that of the table
     * @param hasTime whether the partitions' time is among its keys
     * @param isWidened whether it is since the table is partitioned
     * @param time the partitions' time, quoted as definitions have it
     */
    record Index(
            String id,
            String name,
            boolean isPrimary,
            boolean isUnique,
            boolean isConstraint,
            String definition,
            boolean hasTime,
            boolean isWidened,
            String time) {

        /** What it is called on the copy. */
        String newName() {
            return "usagekit_new_" + id;
        }

        /** What it is called once the copy has taken the table's place. */
        String oldName() {
            return "usagekit_old_" + id;
        }

        /** Whether it is given the partitions' time: PostgreSQL keeps nothing unique across partitions without. */
        boolean isWidenedIn(Optional<PartitionInterval> target) {
            return target.isPresent() && isUnique && (!hasTime || isWidened);
        }

        /** The statement that builds it on another table. */
        String create(String table, Optional<PartitionInterval> target) {
            String there = definition;
            if (isWidenedIn(target) && !hasTime) {
                there = IndexKeyList.with(definition, time);
            } else if (isWidened && target.isEmpty()) {
                there = IndexKeyList.without(definition, time);
            }
            return isConstraint
                    ? "alter table " + table + " add constraint " + newName() + " " + there
                    : "create " + (isUnique ? "unique " : "") + "index " + newName() + " on " + table + there;
        }
    }

    /** Its indexes, that of the primary key first. */
    static List<Index> indexes(Connection connection, RewriteSql sql, String table) throws SQLException {
        Map<String, String> values = Map.of(
                "table", table,
                "created_at", sql.createdAtName(),
                "role", sql.role().key());
        List<Index> indexes = new ArrayList<>();
        try (PreparedStatement statement = sql.statement("rebuild-indexes.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                indexes.add(new Index(
                        row.getString("id"),
                        row.getString("name"),
                        row.getBoolean("is_primary"),
                        row.getBoolean("is_unique"),
                        row.getBoolean("is_constraint"),
                        row.getString("definition"),
                        row.getBoolean("has_time"),
                        row.getBoolean("widened"),
                        row.getString("time")));
            }
        }
        return indexes;
    }

    /** Reads the table, and tells the statements its columns. */
    static TableDefinition describe(Connection connection, RewriteSql sql) throws SQLException {
        TableDefinition table = read(connection, sql);
        sql.describe(
                table.key(),
                table.keyType(),
                sql.texts(connection, "rebuild-columns.sql", Map.of("table", sql.table()), "name"));
        return table;
    }
}
