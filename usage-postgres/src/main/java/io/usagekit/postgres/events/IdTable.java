package io.usagekit.postgres.events;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlTemplate;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/** A table whose ids are unique across its partitions as well, by entries in another table; the names in the script of both. */
@SuppressWarnings("ImmutableEnumChecker") // a list that nobody changes
enum IdTable {
    /** With the project and key of each event that others repeat. */
    EVENTS("events", "usagekit_", List.of("project_id", "idempotency_key")),
    DELIVERIES("deliveries", "usagekit_deliveries_", List.of());

    private static final String SCRIPT = "events/ids.sql";
    private static final String RETENTION_SCRIPT = "events/retained-ids.sql";
    private static final List<String> FUNCTIONS = List.of(
            "enter_id",
            "delete_id",
            "are_ids_entered",
            "unentered_partitions",
            "enter_ids_of",
            "enter_ids",
            "delete_old_ids",
            "retain_ids",
            "refuse_retained_id");

    /** A column of a row, or null if no other event repeats its key. */
    private static final String OF_REPEATED =
            "case when %1$s.idempotency_key <> '' and not %1$s.is_duplicate and %1$s.deleted_at is null then %1$s.%2$s end";

    private final String table;
    private final String prefix;
    private final List<String> keyColumns;

    /**
     * Names what is made for a table.
     *
     * @param table the name that resources have for it
     * @param prefix of the functions' names
     * @param keyColumns what an entry has besides, where its event isn't deleted, has a key and is no duplicate
     */
    IdTable(String table, String prefix, List<String> keyColumns) {
        this.table = table;
        this.prefix = prefix;
        this.keyColumns = keyColumns;
    }

    /** The name that resources have for the table. */
    String table() {
        return table;
    }

    /** What the definition of the trigger that follows changes has, as patterns of "like", where it follows all that an entry has. */
    List<String> triggerPatterns() {
        return keyColumns.stream().map(column -> "%" + column + "%").toList();
    }

    /** What the definition of the trigger that retains ids has, as a pattern of "like", where it retains them for a duration. */
    static String retentionPattern(Duration retained) {
        return "%(" + Identifiers.literal(retained.toString()) + ")";
    }

    /** The functions and tables of the scripts, by the names that they have for them. */
    Map<String, String> names(String schema) {
        Map<String, String> tables = LedgerSql.tables(schema);
        Map<String, String> names = new HashMap<>();
        Map.of("rows", table, "ids", table + "_ids", "ids_partitions", table + "_ids_partitions")
                .forEach((name, of) -> {
                    String quoted = Objects.requireNonNull(tables.get(of));
                    names.put(name, quoted);
                    names.put(name + ".literal", Identifiers.literal(quoted));
                });
        names.put("retained_ids", Objects.requireNonNull(tables.get("retained_ids")));
        names.put("rows.role", Identifiers.literal(table));
        FUNCTIONS.forEach(name -> names.putAll(LedgerSql.function(schema, name, prefix + name)));
        return names;
    }

    /** The script for tables that are installed. */
    String script(String schema) {
        Map<String, String> names = names(schema);
        names.put("key.patterns", Identifiers.literals(triggerPatterns()));
        names.put("key.columns", each("%2$s", ""));
        names.put("key.of-entry", each("%s.%s", "i"));
        names.put("key.of-excluded", each("%s.%s", "excluded"));
        names.put("key.of-wrong", each("%s.%s", "w"));
        for (String row : List.of("new", "old", "row")) {
            names.put("key.of-" + row, each(OF_REPEATED, row.equals("row") ? "r" : row));
        }
        boolean hasKeys = !keyColumns.isEmpty();
        names.put("retained.columns", hasKeys ? ", key_digest" : "");
        names.put("retained.of-excluded", hasKeys ? ", excluded.key_digest" : "");
        names.put(
                "retained.of-deleted",
                hasKeys ? ", sha256(convert_to(" + OF_REPEATED.formatted("d", "idempotency_key") + ", 'UTF8'))" : "");
        return SqlTemplate.fill(SqlTemplate.resource(SCRIPT), names);
    }

    /**
     * The script that has retention retain ids, for tables that are installed.
     *
     * @param retained for how long; zero: it doesn't
     */
    String retentionScript(String schema, Duration retained) {
        Map<String, String> names = names(schema);
        names.put("retained.for", Identifiers.literal(retained.toString()));
        return SqlTemplate.fill(SqlTemplate.resource(RETENTION_SCRIPT), names);
    }

    /** For each column of the key, a comma and an expression. */
    private String each(String expression, String row) {
        return keyColumns.stream()
                .map(column -> ", " + expression.formatted(row, column))
                .collect(Collectors.joining());
    }
}
