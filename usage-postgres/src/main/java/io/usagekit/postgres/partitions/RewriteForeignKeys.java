package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32;
import javax.sql.DataSource;

/**
 * Foreign keys of a table that is rebuilt, and those that refer to it. Within the exchange they are made without a look at the rows,
 * which were valid and are the same, and are validated afterwards. Not thread-safe.
 */
final class RewriteForeignKeys {

    private final RewriteSql sql;
    private final Optional<PartitionInterval> target;
    private final List<ForeignKey> toMake = new ArrayList<>();
    private final List<Map<String, String>> standIns = new ArrayList<>();

    RewriteForeignKeys(RewriteSql sql, Optional<PartitionInterval> target) {
        this.sql = sql;
        this.target = target;
    }

    /** Of one table; names aren't quoted. */
    private record ForeignKey(
            String schema, String referencing, String constraint, String definition, boolean validated) {
        String table() {
            return Identifiers.qualified(schema, referencing);
        }
    }

    /** Takes off the table what refers to it, and makes note of what it refers to, before it is the old one. */
    void takeOff(Connection connection) throws SQLException {
        readOwn(connection);
        takeOffReferences(connection);
        if (target.isEmpty()) {
            takeOffStandIns(connection);
        }
    }

    private void readOwn(Connection connection) throws SQLException {
        Map<String, String> values = Map.of("table", sql.table());
        try (PreparedStatement statement =
                        sql.statement("rebuild-foreign-keys.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                toMake.add(new ForeignKey(
                        sql.schema(),
                        sql.name(),
                        row.getString("name"),
                        row.getString("definition"),
                        row.getBoolean("validated")));
            }
        }
    }

    private static void drop(Connection connection, ForeignKey foreignKey) throws SQLException {
        RewriteSql.run(
                connection,
                "alter table " + foreignKey.table() + " drop constraint " + Identifiers.quote(foreignKey.constraint()));
    }

    private void takeOffReferences(Connection connection) throws SQLException {
        List<ForeignKey> references = new ArrayList<>();
        Map<String, String> values = Map.of("table", sql.table());
        try (PreparedStatement statement =
                        sql.statement("rebuild-references.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                ForeignKey reference = new ForeignKey(
                        row.getString("schema"),
                        row.getString("referencing"),
                        row.getString("name"),
                        row.getString("definition"),
                        row.getBoolean("validated"));
                references.add(reference);
                standIns.add(standIn(row, reference));
            }
        }
        for (int i = 0; i < references.size(); i++) {
            ForeignKey reference = references.get(i);
            sql.execute(
                    connection,
                    "rebuild-remember-foreign-key.sql",
                    Map.of(
                            "role", sql.role().key(),
                            "schema", reference.schema(),
                            "referencing", reference.referencing(),
                            "name", reference.constraint(),
                            "definition", reference.definition(),
                            "validated", Boolean.toString(reference.validated()),
                            "functions", digest(reference)));
            drop(connection, reference);
        }
    }

    private static String digest(ForeignKey foreignKey) {
        CRC32 digest = new CRC32();
        digest.update((foreignKey.table() + " " + foreignKey.constraint()).getBytes(StandardCharsets.UTF_8));
        return String.format(Locale.ROOT, "%08x", digest.getValue());
    }

    /** What its triggers say and do. */
    private Map<String, String> standIn(ResultSet row, ForeignKey reference) throws SQLException {
        String digest = digest(reference);
        String column = row.getString("column");
        String key = row.getString("key");
        String referring =
                reference.table() + " r where old." + key + " " + row.getString("key_equals_column") + " r." + column;
        String timing = row.getString("timing");
        return Map.ofEntries(
                Map.entry("references", qualified("references_" + digest)),
                Map.entry("referenced", qualified("referenced_" + digest)),
                Map.entry("trigger.references", Identifiers.quote("usagekit_references_" + digest)),
                Map.entry("trigger.referenced", Identifiers.quote("usagekit_referenced_" + digest)),
                Map.entry("trigger.truncated", Identifiers.quote("usagekit_truncated_" + digest)),
                Map.entry("column", column),
                Map.entry("key", key),
                Map.entry("key_equals_column", row.getString("key_equals_column")),
                Map.entry("key_equals_key", row.getString("key_equals_key")),
                Map.entry("column_equals_column", row.getString("column_equals_column")),
                Map.entry("referencing", reference.table()),
                Map.entry("referencing.schema", Identifiers.literal(reference.schema())),
                Map.entry("referencing.name", Identifiers.literal(reference.referencing())),
                Map.entry("column.name", Identifiers.literal(column)),
                Map.entry("constraint.name", Identifiers.literal(reference.constraint())),
                Map.entry("table.name", Identifiers.literal(sql.name())),
                Map.entry("timing", timing),
                Map.entry("timing.referenced", row.getString("on_delete").equals("a") ? timing : "not deferrable"),
                Map.entry("on_delete", action(row.getString("on_delete"), referring, column, key)),
                Map.entry("on_update", update(row.getString("on_update"), referring, column, key)));
    }

    private String qualified(String function) {
        return sql.partitions() + "." + Identifiers.quote(function);
    }

    private static String action(String code, String referring, String column, String key) {
        return code.equals("c") ? "delete from " + referring + ";" : update(code, referring, column, key);
    }

    private static String update(String code, String referring, String column, String key) {
        String[] parts = referring.split(" r where ", 2);
        return switch (code) {
            case "c" -> "update " + parts[0] + " r set " + column + " = new." + key + " where " + parts[1] + ";";
            case "n" -> "update " + parts[0] + " r set " + column + " = null where " + parts[1] + ";";
            default -> "perform from " + referring + " limit 1 for key share; violated := found;";
        };
    }

    /** What the triggers stood in for becomes true again. */
    private void takeOffStandIns(Connection connection) throws SQLException {
        List<String> functions = new ArrayList<>();
        Map<String, String> values = Map.of("role", sql.role().key());
        try (PreparedStatement statement =
                        sql.statement("rebuild-recall-foreign-keys.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                toMake.add(new ForeignKey(
                        row.getString("schema"),
                        row.getString("referencing"),
                        row.getString("name"),
                        row.getString("definition"),
                        row.getBoolean("validated")));
                functions.add(row.getString("functions"));
            }
        }
        for (String digest : functions) {
            RewriteSql.run(connection, "drop function " + qualified("references_" + digest) + " cascade");
            RewriteSql.run(connection, "drop function " + qualified("referenced_" + digest) + " cascade");
        }
    }

    /** Puts them on the new table, which has the name by now. */
    void putOn(Connection connection) throws SQLException {
        for (ForeignKey foreignKey : toMake) {
            List<String> leaves = PartitionCatalog.leaves(connection, sql, foreignKey.table());
            for (String relation : leaves.isEmpty() ? List.of(foreignKey.table()) : leaves) {
                RewriteSql.run(connection, add(relation, foreignKey) + " not valid");
            }
            if (foreignKey.validated()) {
                sql.execute(
                        connection,
                        "rebuild-validate-later.sql",
                        Map.of(
                                "role", sql.role().key(),
                                "schema", foreignKey.schema(),
                                "referencing", foreignKey.referencing(),
                                "name", foreignKey.constraint(),
                                "definition", foreignKey.definition()));
            }
        }
        for (Map<String, String> standIn : standIns) {
            RewriteSql.run(connection, sql.script("foreign-key-triggers.sql", standIn));
        }
    }

    private static String add(String relation, ForeignKey foreignKey) {
        return "alter table " + relation + " add constraint " + Identifiers.quote(foreignKey.constraint()) + " "
                + foreignKey.definition();
    }

    /** Looks at the rows, without keeping anybody from writing. */
    void validate(DataSource dataSource, LockRetrier locks, Duration timeout) throws SQLException {
        for (ForeignKey foreignKey : Jdbc.run(dataSource, Jdbc.Mode.READ_ONLY, timeout, this::toValidate)) {
            List<String> leaves = Jdbc.run(
                    dataSource,
                    Jdbc.Mode.READ_ONLY,
                    timeout,
                    connection -> PartitionCatalog.leaves(connection, sql, foreignKey.table()));
            for (String relation : leaves.isEmpty() ? List.of(foreignKey.table()) : leaves) {
                Jdbc.run(dataSource, Jdbc.Mode.WRITE, timeout, connection -> {
                    RewriteSql.run(
                            connection,
                            "alter table " + relation + " validate constraint "
                                    + Identifiers.quote(foreignKey.constraint()));
                    return relation;
                });
            }
            locks.run(connection -> {
                if (!leaves.isEmpty()) {
                    lockForAll(
                            connection, foreignKey, leaves.get(0), locks.pace().lockTimeout());
                    RewriteSql.run(connection, add(foreignKey.table(), foreignKey));
                }
                sql.execute(
                        connection,
                        "rebuild-validated.sql",
                        Map.of(
                                "schema", foreignKey.schema(),
                                "referencing", foreignKey.referencing(),
                                "name", foreignKey.constraint()));
                return foreignKey;
            });
        }
    }

    /**
     * Where the partitions have the foreign key already, to make it the whole table's locks what it refers to against writers first
     * and against readers then. Who has read that and comes to write between the two would have a deadlock, and be the one that
     * PostgreSQL ends; so all locks are taken before, each at once as strong as it will be.
     */
    private void lockForAll(Connection connection, ForeignKey foreignKey, String leaf, Duration lockTimeout)
            throws SQLException {
        long deadline = System.nanoTime() + lockTimeout.toNanos();
        LockRetrier.lock(connection, foreignKey.table(), "share row exclusive", lockTimeout);
        Map<String, String> values = Map.of("referencing", leaf, "constraint", foreignKey.constraint());
        for (String referenced : sql.texts(connection, "rebuild-referenced.sql", values, "name")) {
            LockRetrier.lock(
                    connection, referenced, "access exclusive", Duration.ofNanos(deadline - System.nanoTime()));
        }
    }

    private List<ForeignKey> toValidate(Connection connection) throws SQLException {
        List<ForeignKey> foreignKeys = new ArrayList<>();
        Map<String, String> values = Map.of("role", sql.role().key());
        try (PreparedStatement statement =
                        sql.statement("rebuild-to-validate.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                foreignKeys.add(new ForeignKey(
                        row.getString("schema"),
                        row.getString("referencing"),
                        row.getString("name"),
                        row.getString("definition"),
                        true));
            }
        }
        return foreignKeys;
    }
}
