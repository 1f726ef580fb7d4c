package io.usagekit.postgres.rollups;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.SqlStatements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The tables whose rows refer to events and deliveries, directly or through others, as the catalog has them. Rows of those that the host
 * names are deleted in the statement that deletes what they refer to: foreign keys are checked at its end. Not thread-safe.
 */
final class DependantTables {

    /** Where partitioning records the foreign keys that triggers replace, by the name of the tables' schema. */
    private static final String PARTITIONS_SUFFIX = "_partitions";

    /** A foreign key; columns, keys and operators are quoted. */
    private record ForeignKey(
            String schema,
            String name,
            String rootSchema,
            String rootName,
            String referenced,
            String constraint,
            String onDelete,
            List<String> columns,
            List<String> keys,
            List<String> operators,
            boolean isMapped,
            boolean isSelf,
            boolean toPartition,
            boolean isPartitioned,
            boolean indexed,
            boolean mayDelete,
            boolean replaced) {

        static ForeignKey of(SqlRow row) throws SQLException {
            return new ForeignKey(
                    row.text("schema"),
                    row.text("name"),
                    row.text("root_schema"),
                    row.text("root_name"),
                    row.text("referenced"),
                    row.text("foreign_key"),
                    row.text("on_delete"),
                    row.texts("columns"),
                    row.texts("keys"),
                    row.texts("operators"),
                    row.flag("is_mapped"),
                    row.flag("is_self"),
                    row.flag("to_partition"),
                    row.flag("is_partitioned"),
                    row.flag("indexed"),
                    row.flag("may_delete"),
                    row.flag("replaced"));
        }

        String table() {
            return Identifiers.qualified(schema, name);
        }

        /** Its partitioned table, or itself. */
        String root() {
            return Identifiers.qualified(rootSchema, rootName);
        }

        String plainTable() {
            return schema + "." + name;
        }

        boolean cascades() {
            return onDelete.equals("c");
        }

        boolean detaches() {
            return onDelete.equals("n") || onDelete.equals("d");
        }

        String words() {
            return "the foreign key " + Identifiers.quote(constraint) + " of " + table();
        }
    }

    /** A table whose rows are deleted along; {@code children} refer to it. */
    private record Deleted(ForeignKey key, List<Deleted> children) {}

    private final RollupSql sql;
    private final Set<String> allowed;
    private final Map<String, List<ForeignKey>> known = new LinkedHashMap<>();
    private final Map<String, RetentionDependant> found = new LinkedHashMap<>();
    private final Set<String> blocking = new LinkedHashSet<>();
    private final Set<String> refused = new LinkedHashSet<>();
    private final Map<String, SqlStatements> statements;

    /**
     * Reads them from the catalog.
     *
     * @param allowed the tables that are deleted along, as {@code table} of the mapped schema or {@code schema.table}
     * @throws UsageStorageException if the rows of an allowed table can't be deleted along
     */
    DependantTables(Connection connection, RollupSql sql, Set<String> allowed) throws SQLException {
        this.sql = sql;
        this.allowed = allowed;
        this.statements = Map.of(
                "deliveries",
                statements(connection, "deliveries", "d"),
                "events",
                statements(connection, "events", "e"));
        if (!refused.isEmpty()) {
            throw UsageStorageException.permanent(
                    "rows can't be deleted along with events and deliveries: " + String.join("; ", refused)
                            + "; nothing has been deleted",
                    null);
        }
    }

    /** All foreign keys that lead to events and deliveries. */
    List<RetentionDependant> all() {
        return List.copyOf(found.values());
    }

    /** What keeps rows from being deleted and what to do about it, in words; empty if nothing does. */
    Set<String> blocking() {
        return blocking;
    }

    /**
     * Starts a call of a statement that deletes rows.
     *
     * @param role of the table from which it deletes: {@code events} or {@code deliveries}
     * @param fragments by the names under which they stand in the statement
     */
    SqlCall call(Connection connection, String role, String statement, Map<String, String> fragments) {
        SqlStatements deleting = statements.get(role);
        if (deleting == null) {
            throw new IllegalArgumentException("role must be events or deliveries, but was " + role);
        }
        return SqlCall.of(connection, deleting.template(statement, fragments)).texts(sql.tables());
    }

    private SqlStatements statements(Connection connection, String role, String alias) throws SQLException {
        List<Deleted> children = dependants(connection, sql.table(role), role, List.of(sql.table(role)));
        List<String> parts = new ArrayList<>();
        append("deleted", sql.table(role), children, parts);
        String count = parts.isEmpty()
                ? "0::bigint"
                : IntStream.range(0, parts.size())
                        .mapToObj(number -> "(select count(*) from " + partName(number) + ")")
                        .collect(Collectors.joining(" + "));
        return sql.statements(Map.of(
                "deleted.keys",
                keys(children).stream().map(key -> ", " + alias + "." + key).collect(Collectors.joining()),
                "dependants",
                parts.stream().map(part -> ",\n" + part).collect(Collectors.joining()),
                "dependants.count",
                count));
    }

    /** The tables whose rows are deleted along with those of a table; notes what is in the way. */
    private List<Deleted> dependants(Connection connection, String table, String role, List<String> path)
            throws SQLException {
        List<Deleted> children = new ArrayList<>();
        for (ForeignKey key : foreignKeys(connection, table, role)) {
            if (key.detaches()) {
                note(key, RetentionDependant.Effect.DETACHED);
            } else if (key.isSelf()) {
                noteOwn(key);
            } else if (key.isMapped()) {
                noteMapped(key);
            } else if (path.contains(key.root())) {
                refused.add(key.words() + " completes a cycle of tables that refer to each other, "
                        + String.join(", ", path) + ": let one of their keys be ON DELETE SET NULL");
            } else {
                dependant(connection, key, path).forEach(children::add);
            }
        }
        return children;
    }

    private List<Deleted> dependant(Connection connection, ForeignKey key, List<String> path) throws SQLException {
        boolean isAllowed = isAllowed(key);
        if (!isAllowed && !key.cascades()) {
            note(key, RetentionDependant.Effect.BLOCKING);
            blocking.add(key.words() + " (allow its rows to be deleted along by deleteDependants(\"" + key.plainTable()
                    + "\"), or let it be ON DELETE CASCADE or SET NULL)");
            return List.of();
        }
        int before = refused.size();
        List<String> deeper = new ArrayList<>(path);
        deeper.add(key.root());
        List<Deleted> children = dependants(connection, key.root(), "", deeper);
        boolean isDeleted = isAllowed || !children.isEmpty();
        note(key, isDeleted ? RetentionDependant.Effect.DELETED : RetentionDependant.Effect.CASCADED);
        if (!isDeleted) {
            return List.of();
        }
        if (key.toPartition()) {
            refused.add(key.words() + " refers to the partition " + key.referenced()
                    + " by itself: let it refer to the partitioned table, or be ON DELETE CASCADE or SET NULL");
        }
        if (!key.mayDelete()) {
            refused.add("this role may not delete rows of " + key.table() + ": grant SELECT and DELETE on it");
        }
        return before == refused.size() ? List.of(new Deleted(key, children)) : List.of();
    }

    private void note(ForeignKey key, RetentionDependant.Effect effect) {
        found.put(
                key.table() + " " + key.constraint(),
                new RetentionDependant(key.plainTable(), key.constraint(), key.referenced(), effect, key.indexed()));
    }

    private void noteOwn(ForeignKey key) {
        note(key, key.cascades() ? RetentionDependant.Effect.CASCADED : RetentionDependant.Effect.BLOCKING);
        if (!key.cascades()) {
            blocking.add(key.words()
                    + " (it refers to its own table, from rows that stay to rows that are deleted: let it be ON"
                    + " DELETE SET NULL)");
        }
    }

    private void noteMapped(ForeignKey key) {
        note(key, key.cascades() ? RetentionDependant.Effect.CASCADED : RetentionDependant.Effect.BLOCKING);
        if (!key.cascades()) {
            blocking.add(
                    key.words() + " (rows of a mapped table are never deleted along: let it be ON DELETE SET NULL)");
        }
    }

    private boolean isAllowed(ForeignKey key) {
        return isAllowed(key.schema(), key.name()) || isAllowed(key.rootSchema(), key.rootName());
    }

    private boolean isAllowed(String schema, String name) {
        return allowed.contains(schema + "." + name)
                || (schema.equals(sql.mapping().schema()) && allowed.contains(name));
    }

    private List<ForeignKey> foreignKeys(Connection connection, String table, String role) throws SQLException {
        List<ForeignKey> keys = known.get(table);
        if (keys == null) {
            keys = new ArrayList<>(
                    sql.call(connection, "list-dependants").text("table", table).list(ForeignKey::of));
            String state = sql.mapping().schema() + PARTITIONS_SUFFIX;
            if (!role.isEmpty()
                    && RollupSql.callWithoutNames(connection, "has-replaced-foreign-keys")
                            .text("schema", state)
                            .answer()) {
                SqlStatements replaced = sql.statements(Map.of("state_schema", Identifiers.quote(state)));
                keys.addAll(SqlCall.of(connection, replaced.template("list-replaced-foreign-keys"))
                        .texts(sql.tables())
                        .text("table", table)
                        .text("role", role)
                        .list(ForeignKey::of));
            }
            known.put(table, keys);
        }
        return keys;
    }

    /** Appends the parts of a statement that delete rows which refer to deleted ones. */
    private void append(String parent, String parentTable, List<Deleted> children, List<String> parts) {
        for (Deleted child : children) {
            String name = partName(parts.size());
            ForeignKey key = child.key();
            String returned =
                    keys(child.children()).stream().map(column -> "r." + column).collect(Collectors.joining(", "));
            parts.add(name + " as (\n    delete from " + (key.isPartitioned() ? "" : "only ") + key.table() + " r\n    "
                    + condition(key, parent, parentTable) + "\n    returning "
                    + (returned.isEmpty() ? "1 as one" : returned) + "\n)");
            append(name, key.table(), child.children(), parts);
        }
    }

    /** What follows the name of the table; an array, so that an index is used whatever the statistics say. */
    private static String condition(ForeignKey key, String parent, String parentTable) {
        if (key.columns().size() == 1) {
            String column = "r." + key.columns().get(0);
            String one = "where " + column + " " + key.operators().get(0) + " any (array(select k."
                    + alias(key.keys().get(0)) + " from " + parent + " k))";
            // An id may stand in several partitions: rows refer to it until the last one is deleted.
            return key.replaced()
                    ? one + " and (select count(*) from " + parentTable + " p where p."
                            + key.keys().get(0) + " = " + column
                            + ") = (select count(*) from " + parent + " k where k."
                            + alias(key.keys().get(0)) + " = "
                            + column + ")"
                    : one;
        }
        List<String> equal = new ArrayList<>();
        for (int i = 0; i < key.columns().size(); i++) {
            equal.add("r." + key.columns().get(i) + " " + key.operators().get(i) + " k."
                    + alias(key.keys().get(i)));
        }
        return "using " + parent + " k where " + String.join(" and ", equal);
    }

    /** The columns to which children refer, each with the name under which a part of the statement returns it. */
    private static Set<String> keys(List<Deleted> children) {
        return children.stream()
                .flatMap(child -> child.key().keys().stream())
                .map(key -> key + " as " + alias(key))
                .collect(Collectors.toCollection(LinkedHashSet::new));
    }

    /** The name of a returned column; {@code key} is quoted where need be. */
    private static String alias(String key) {
        String bare = key.startsWith("\"") ? key.substring(1, key.length() - 1) : key;
        return "\"key " + bare + "\"";
    }

    private static String partName(int number) {
        return "dependant_" + number;
    }
}
