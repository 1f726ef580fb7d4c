package io.usagekit.postgres.events;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlTemplate;
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
    private static final List<String> FUNCTIONS = List.of(
            "enter_id",
            "delete_id",
            "are_ids_entered",
            "unentered_partitions",
            "enter_ids_of",
            "enter_ids",
            "delete_old_ids");

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

    /** The functions and tables of the script, by the names that it has for them. */
    Map<String, String> names(String schema) {
        Map<String, String> tables = LedgerSql.tables(schema);
        Map<String, String> names = new HashMap<>();
        Map.of("rows", table, "ids", table + "_ids", "ids_partitions", table + "_ids_partitions")
                .forEach((name, of) -> {
                    String quoted = Objects.requireNonNull(tables.get(of));
                    names.put(name, quoted);
                    names.put(name + ".literal", Identifiers.literal(quoted));
                });
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
            names.put(
                    "key.of-" + row,
                    each(
                            "case when %1$s.idempotency_key <> '' and not %1$s.is_duplicate and %1$s.deleted_at is null"
                                    + " then %1$s.%2$s end",
                            row.equals("row") ? "r" : row));
        }
        return SqlTemplate.fill(SqlTemplate.resource(SCRIPT), names);
    }

    /** For each column of the key, a comma and an expression. */
    private String each(String expression, String row) {
        return keyColumns.stream()
                .map(column -> ", " + expression.formatted(row, column))
                .collect(Collectors.joining());
    }
}
