package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.SqlRow;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32;

/**
 * The foreign keys of a rewritten table, and those that refer to it. The cut-over creates them without validating the rows, which are
 * the same as before and were valid; they are validated afterwards. Not thread-safe.
 */
final class RewriteForeignKeys {

    private final RewriteSql sql;
    private final Optional<PartitionInterval> target;
    private final List<ForeignKey> toCreate = new ArrayList<>();
    private final List<Map<String, String>> replacingTriggers = new ArrayList<>();

    RewriteForeignKeys(RewriteSql sql, Optional<PartitionInterval> target) {
        this.sql = sql;
        this.target = target;
    }

    /** A foreign key of a table; names aren't quoted. */
    private record ForeignKey(
            String schema, String referencing, String constraint, String definition, boolean validated) {

        static ForeignKey of(SqlRow row) throws SQLException {
            return new ForeignKey(
                    row.text("schema"),
                    row.text("referencing"),
                    row.text("name"),
                    row.text("definition"),
                    row.flag("validated"));
        }

        String table() {
            return Identifiers.qualified(schema, referencing);
        }

        String quotedConstraint() {
            return Identifiers.quote(constraint);
        }

        /** The suffix of the names of the triggers that replace it. */
        String digest() {
            CRC32 digest = new CRC32();
            digest.update((table() + " " + constraint).getBytes(StandardCharsets.UTF_8));
            return String.format(Locale.ROOT, "%08x", digest.getValue());
        }

        /** The statement that creates it on a table or partition. */
        String create(String relation) {
            return "alter table " + relation + " add constraint " + quotedConstraint() + " " + definition;
        }
    }

    /** Drops what refers to the table, and reads what the table refers to, before it becomes the old one. */
    void drop(Connection connection) throws SQLException {
        readOwn(connection);
        dropReferences(connection);
        if (target.isEmpty()) {
            dropReplacingTriggers(connection);
        }
    }

    private void readOwn(Connection connection) throws SQLException {
        toCreate.addAll(sql.call(connection, "list-foreign-keys")
                .text("table", sql.table())
                .list(row -> new ForeignKey(
                        sql.schema(), sql.name(), row.text("name"), row.text("definition"), row.flag("validated"))));
    }

    private void dropReferences(Connection connection) throws SQLException {
        List<ForeignKey> references = new ArrayList<>();
        sql.call(connection, "list-references").text("table", sql.table()).forEach(row -> {
            ForeignKey reference = ForeignKey.of(row);
            references.add(reference);
            replacingTriggers.add(replacingTriggers(row, reference));
        });
        for (ForeignKey reference : references) {
            sql.call(connection, "insert-replaced-foreign-key")
                    .text("role", sql.role().key())
                    .text("schema", reference.schema())
                    .text("referencing", reference.referencing())
                    .text("name", reference.constraint())
                    .text("definition", reference.definition())
                    .flag("validated", reference.validated())
                    .text("functions", reference.digest())
                    .execute();
            Jdbc.execute(
                    connection,
                    "alter table " + reference.table() + " drop constraint " + reference.quotedConstraint());
        }
    }

    /** The names and actions in the script of the triggers that replace a foreign key. */
    private Map<String, String> replacingTriggers(SqlRow row, ForeignKey reference) throws SQLException {
        String digest = reference.digest();
        String column = row.text("column");
        String key = row.text("key");
        String timing = row.text("timing");
        Referring referring =
                new Referring(reference.table(), "old." + key + " " + row.text("key_equals_column") + " r." + column);
        return Map.ofEntries(
                Map.entry("references", qualified("references_" + digest)),
                Map.entry("referenced", qualified("referenced_" + digest)),
                Map.entry("trigger.references", Identifiers.quote("usagekit_references_" + digest)),
                Map.entry("trigger.referenced", Identifiers.quote("usagekit_referenced_" + digest)),
                Map.entry("trigger.truncated", Identifiers.quote("usagekit_truncated_" + digest)),
                Map.entry("column", column),
                Map.entry("key", key),
                Map.entry("key_equals_column", row.text("key_equals_column")),
                Map.entry("key_equals_key", row.text("key_equals_key")),
                Map.entry("column_equals_column", row.text("column_equals_column")),
                Map.entry("referencing", reference.table()),
                Map.entry("referencing.schema", Identifiers.literal(reference.schema())),
                Map.entry("referencing.name", Identifiers.literal(reference.referencing())),
                Map.entry("column.name", Identifiers.literal(column)),
                Map.entry("constraint.name", Identifiers.literal(reference.constraint())),
                Map.entry("table.name", Identifiers.literal(sql.name())),
                Map.entry("timing", timing),
                Map.entry("timing.referenced", row.text("on_delete").equals("a") ? timing : "not deferrable"),
                Map.entry("on_delete", referring.onDelete(row.text("on_delete"), column, key)),
                Map.entry("on_update", referring.onUpdate(row.text("on_update"), column, key)));
    }

    /** The rows r of a table that refer to the old row. */
    private record Referring(String table, String condition) {

        String onDelete(String action, String column, String key) {
            return action.equals("c")
                    ? "delete from " + table + " r where " + condition + ";"
                    : onUpdate(action, column, key);
        }

        String onUpdate(String action, String column, String key) {
            return switch (action) {
                case "c" -> "update " + table + " r set " + column + " = new." + key + " where " + condition + ";";
                case "n" -> "update " + table + " r set " + column + " = null where " + condition + ";";
                default ->
                    "perform from " + table + " r where " + condition + " limit 1 for key share; violated := found;";
            };
        }
    }

    private String qualified(String function) {
        return sql.stateSchema() + "." + Identifiers.quote(function);
    }

    /** Drops the triggers that replace foreign keys, which are created again. */
    private void dropReplacingTriggers(Connection connection) throws SQLException {
        List<String> digests = new ArrayList<>();
        sql.call(connection, "delete-replaced-foreign-keys")
                .text("role", sql.role().key())
                .forEach(row -> {
                    toCreate.add(ForeignKey.of(row));
                    digests.add(row.text("functions"));
                });
        for (String digest : digests) {
            Jdbc.execute(connection, "drop function " + qualified("references_" + digest) + " cascade");
            Jdbc.execute(connection, "drop function " + qualified("referenced_" + digest) + " cascade");
        }
    }

    /** Creates the foreign keys, and the triggers that replace them, on the new table, which has the table's name by now. */
    void create(Connection connection) throws SQLException {
        for (ForeignKey foreignKey : toCreate) {
            List<String> leaves = PartitionCatalog.leaves(connection, sql, foreignKey.table());
            for (String relation : leaves.isEmpty() ? List.of(foreignKey.table()) : leaves) {
                Jdbc.execute(connection, foreignKey.create(relation) + " not valid");
            }
            if (foreignKey.validated()) {
                sql.call(connection, "insert-unvalidated-foreign-key")
                        .text("role", sql.role().key())
                        .text("schema", foreignKey.schema())
                        .text("referencing", foreignKey.referencing())
                        .text("name", foreignKey.constraint())
                        .text("definition", foreignKey.definition())
                        .execute();
            }
        }
        for (Map<String, String> names : replacingTriggers) {
            sql.runScript(connection, "create-triggers", names);
        }
    }

    /** Validates the rows, without blocking writers. */
    void validate(Jdbc jdbc, LockRetrier locks, Duration timeout) throws SQLException {
        for (ForeignKey foreignKey : jdbc.transaction(Jdbc.Mode.READ_ONLY, timeout, this::toValidate)) {
            List<String> leaves = jdbc.transaction(
                    Jdbc.Mode.READ_ONLY,
                    timeout,
                    connection -> PartitionCatalog.leaves(connection, sql, foreignKey.table()));
            for (String relation : leaves.isEmpty() ? List.of(foreignKey.table()) : leaves) {
                jdbc.transaction(Jdbc.Mode.WRITE, timeout, connection -> {
                    Jdbc.execute(
                            connection,
                            "alter table " + relation + " validate constraint " + foreignKey.quotedConstraint());
                    return relation;
                });
            }
            locks.run(foreignKey.table(), connection -> {
                if (!leaves.isEmpty()) {
                    lockForParent(
                            connection, foreignKey, leaves.get(0), locks.pace().lockTimeout());
                    Jdbc.execute(connection, foreignKey.create(foreignKey.table()));
                }
                sql.call(connection, "delete-unvalidated-foreign-key")
                        .text("schema", foreignKey.schema())
                        .text("referencing", foreignKey.referencing())
                        .text("name", foreignKey.constraint())
                        .execute();
                return foreignKey;
            });
        }
    }

    /**
     * Acquires all locks of creating a foreign key on the parent whose partitions have it already, each at once as strong as it will
     * be. ALTER TABLE would lock the referenced table against writers first and against readers then, so that a transaction that has
     * read it and then writes to it would complete a deadlock and be ended by PostgreSQL.
     */
    private void lockForParent(Connection connection, ForeignKey foreignKey, String leaf, Duration lockTimeout)
            throws SQLException {
        long deadline = System.nanoTime() + lockTimeout.toNanos();
        LockRetrier.lock(connection, foreignKey.table(), "share row exclusive", lockTimeout);
        List<String> referencedTables = sql.call(connection, "find-referenced-table")
                .text("referencing", leaf)
                .text("constraint", foreignKey.constraint())
                .list(row -> row.text("name"));
        for (String referenced : referencedTables) {
            LockRetrier.lock(
                    connection, referenced, "access exclusive", Duration.ofNanos(deadline - System.nanoTime()));
        }
    }

    private List<ForeignKey> toValidate(Connection connection) throws SQLException {
        return sql.call(connection, "list-unvalidated-foreign-keys")
                .text("role", sql.role().key())
                .list(row -> new ForeignKey(
                        row.text("schema"), row.text("referencing"), row.text("name"), row.text("definition"), true));
    }
}
