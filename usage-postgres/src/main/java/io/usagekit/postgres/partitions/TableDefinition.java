package io.usagekit.postgres.partitions;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.SqlRow;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

/**
 * A table's definition in the catalog.
 *
 * @param owner quoted
 * @param isOwn whether this role is the owner
 * @param key the column of its primary key, quoted
 * @param keyType with its collation
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
        String options,
        Optional<String> comment,
        long rows) {

    /** Why a table that has other partitions isn't rewritten. */
    static final String PARTITIONED_BY_OTHERS = "it was partitioned without PostgresPartitions";

    /**
     * Reads a table's definition and checks that the table can be rewritten.
     *
     * @throws UsageStorageException if it can't
     */
    static TableDefinition read(Connection connection, RewriteSql sql) throws SQLException {
        return sql.call(connection, "find-table")
                .text("table", sql.table())
                .text("created_at", sql.createdAtName())
                .first(row -> of(row, sql))
                .orElseThrow(() -> refused(sql, "no such table with a column " + sql.createdAt() + " exists"));
    }

    private static TableDefinition of(SqlRow row, RewriteSql sql) throws SQLException {
        String kind = row.text("kind");
        if (!kind.equals("r") && !kind.equals("p")) {
            throw refused(sql, "it is a relation of kind \"" + kind + "\", not a table");
        }
        return new TableDefinition(
                kind.equals("p"),
                row.text("owner"),
                row.flag("is_own"),
                row.optionalText("key").orElseThrow(() -> refused(sql, "it needs a primary key of one column")),
                row.text("key_type"),
                row.text("options"),
                row.optionalText("comment"),
                row.number("rows"));
    }

    /** The exception of a table that can't be rewritten. */
    static UsageStorageException refused(RewriteSql sql, String reason) {
        return new UsageStorageException(cannotRewrite(sql, reason), null);
    }

    /** The message of that exception. */
    static String cannotRewrite(RewriteSql sql, String reason) {
        return "cannot rewrite table " + sql.table() + ": " + reason;
    }

    /**
     * An index of a table.
     *
     * @param id as in {@code pg_class}
     * @param name quoted
     * @param definition what follows the name of a constraint, or that of the table
     * @param hasTime whether the partitions' time is among its keys
     * @param isWidened whether it was given the partitions' time when the table was partitioned
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

        private static Index of(SqlRow row) throws SQLException {
            return new Index(
                    row.text("id"),
                    row.text("name"),
                    row.flag("is_primary"),
                    row.flag("is_unique"),
                    row.flag("is_constraint"),
                    row.text("definition"),
                    row.flag("has_time"),
                    row.flag("widened"),
                    row.text("time"));
        }

        /** Its name on the shadow table. */
        String newName() {
            return "usagekit_new_" + id;
        }

        /** Its name after the cut-over, on the old table. */
        String oldName() {
            return "usagekit_old_" + id;
        }

        /** Whether it is given the partitions' time: PostgreSQL enforces uniqueness across partitions only with it. */
        boolean isWidenedIn(Optional<PartitionInterval> target) {
            return target.isPresent() && isUnique && (!hasTime || isWidened);
        }

        /** The statement that builds it on another table. */
        String create(String table, Optional<PartitionInterval> target) {
            String adapted = definition;
            if (isWidenedIn(target) && !hasTime) {
                adapted = IndexKeyList.with(definition, time);
            } else if (isWidened && target.isEmpty()) {
                adapted = IndexKeyList.without(definition, time);
            }
            return isConstraint
                    ? "alter table " + table + " add constraint " + newName() + " " + adapted
                    : "create " + (isUnique ? "unique " : "") + "index " + newName() + " on " + table + adapted;
        }
    }

    /** Reads the table's indexes, that of the primary key first. */
    static List<Index> indexes(Connection connection, RewriteSql sql) throws SQLException {
        return sql.call(connection, "list-indexes")
                .text("table", sql.table())
                .text("created_at", sql.createdAtName())
                .text("role", sql.role().key())
                .list(Index::of);
    }

    /** Reads the table's definition and sets the names in the statements that depend on it. */
    static TableDefinition describe(Connection connection, RewriteSql sql) throws SQLException {
        TableDefinition table = read(connection, sql);
        sql.describe(table.key(), table.keyType(), sql.list(connection, "list-columns", "name"));
        return table;
    }
}
