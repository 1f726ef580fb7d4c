package io.usagekit.postgres.events;

import io.usagekit.UsageKey;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SchemaScript;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlFiles;
import io.usagekit.postgres.internal.SqlSignature;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.internal.SqlType;
import io.usagekit.postgres.internal.paging.KeysetScan;
import java.sql.Connection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The ledger's statements over the tables of one schema. Thread-safe. */
final class LedgerSql {

    static final SqlFiles FILES = SqlFiles.of(
            "events/filter.sql",
            "events/page.sql",
            "events/endpoints.sql",
            "events/record.sql",
            "events/find.sql",
            "events/deliveries.sql",
            "events/delete.sql",
            "events/search.sql",
            "events/install.sql");

    /** The functions of triggers, and those that statements call. */
    private static final List<String> FUNCTIONS = List.of(
            "fill_endpoint", "move_endpoints", "delete_words", "merge_words", "live_keys", "lock_events", "lock_ids");

    /** Of the functions: an installation replaces earlier ones. */
    static final int FUNCTIONS_VERSION = 6;

    private final SqlStatements statements;
    private final SqlStatements statementsOfDeliveryIds;

    private LedgerSql(SqlStatements statements, SqlStatements statementsOfDeliveryIds) {
        this.statements = statements;
        this.statementsOfDeliveryIds = statementsOfDeliveryIds;
    }

    /** The statements over the ledger of a schema. */
    static LedgerSql in(String schema, ProjectScope projects) {
        Map<String, String> names = names(schema, projects);
        Map<String, String> namesOfDeliveryIds = new HashMap<>(names);
        namesOfDeliveryIds.putAll(IdTable.DELIVERIES.names(schema));
        return new LedgerSql(SqlStatements.of(FILES, names), SqlStatements.of(FILES, namesOfDeliveryIds));
    }

    /** The same statements, of which those that enter and check ids are for a table. */
    LedgerSql forIdsOf(IdTable table) {
        return table == IdTable.EVENTS ? this : new LedgerSql(statementsOfDeliveryIds, statementsOfDeliveryIds);
    }

    /** What stands for tables, functions and constants. */
    static Map<String, String> names(String schema, ProjectScope projects) {
        Map<String, String> names = new HashMap<>(objects(schema));
        names.put("search.blocks", SearchBlocks.OF_A_ROW);
        names.put("search.all-time", String.valueOf(SearchBlocks.ALL_TIME));
        names.put("project.counts", projects == ProjectScope.ALL ? "true" : "p.deleted_at is null");
        return names;
    }

    /** The tables and the functions, those of ids of events among them, qualified and quoted, each also as a literal, by the names of resources. */
    static Map<String, String> objects(String schema) {
        Map<String, String> objects = new HashMap<>(tables(schema));
        tables(schema).forEach((name, table) -> objects.put(name + ".literal", Identifiers.literal(table)));
        FUNCTIONS.forEach(name -> objects.putAll(function(schema, name, "usagekit_" + name)));
        objects.put("functions.version", String.valueOf(FUNCTIONS_VERSION));
        objects.putAll(IdTable.EVENTS.names(schema));
        return objects;
    }

    /** A function, qualified and quoted, also as a literal, by the name that resources have for it. */
    static Map<String, String> function(String schema, String name, String function) {
        String quoted = Identifiers.qualified(schema, function);
        return Map.of(name, quoted, name + ".literal", Identifiers.literal(quoted));
    }

    /** The tables, qualified and quoted, by the names that resources have for them. */
    static Map<String, String> tables(String schema) {
        return SchemaScript.qualified(schema, tableNames());
    }

    /** The tables' names, by those that resources have for them. */
    static Map<String, String> tableNames() {
        return Map.ofEntries(
                Map.entry("projects", "projects"),
                Map.entry("events", "events"),
                Map.entry("deliveries", "event_deliveries"),
                Map.entry("endpoints", "endpoints"),
                Map.entry("sources", "sources"),
                Map.entry("events_endpoints", "events_endpoints"),
                Map.entry("events_search", "events_search"),
                Map.entry("events_ids", "events_ids"),
                Map.entry("events_ids_partitions", "events_ids_partitions"),
                Map.entry("deliveries_ids", "event_deliveries_ids"),
                Map.entry("deliveries_ids_partitions", "event_deliveries_ids_partitions"),
                Map.entry("retained_ids", "retained_ids"));
    }

    /** Tables, qualified and quoted, by the names that resources have for them. */
    List<String> quoted(String... tables) {
        return Stream.of(tables).map(statements::name).toList();
    }

    SqlStatements statements() {
        return statements;
    }

    /** A call of a statement that takes neither a filter nor a scan. */
    SqlCall call(Connection connection, LedgerStatement statement) {
        return SqlCall.of(connection, statements.template(statement.sqlName()), statement.signature());
    }

    /** A call of a statement with the conditions of a filter, whose values are bound. */
    SqlCall call(Connection connection, LedgerStatement statement, LedgerFilter filter) {
        Map<String, SqlType> parameters = new LinkedHashMap<>(statement.parameters());
        parameters.putAll(filter.parameters());
        return filter.bindTo(call(connection, statement, filter.fragments(statement), parameters));
    }

    /** A call of a statement for a page of a figure, whose period and scan are bound. */
    SqlCall figure(Connection connection, LedgerStatement statement, UsageKey key, Scan scan) {
        return call(connection, statement, LedgerFilter.NONE, scan)
                .text("organisation_id", key.organisationId())
                .instant("start", KeysetScan.from(key.period().start(), scan))
                .instant("end", KeysetScan.before(key.period().end(), scan));
    }

    /** A call of a statement with the conditions of a filter and for a scan, whose values are bound. */
    SqlCall call(Connection connection, LedgerStatement statement, LedgerFilter filter, Scan scan) {
        Map<String, String> fragments = new HashMap<>(filter.fragments(statement));
        fragments.putAll(KeysetScan.fragments(scan));
        Map<String, SqlType> parameters = new LinkedHashMap<>(statement.parameters());
        parameters.putAll(filter.parameters());
        parameters.putAll(KeysetScan.parameters(scan));
        SqlCall call = call(connection, statement, fragments, parameters);
        return KeysetScan.bindTo(filter.narrowedTo(scan).bindTo(call), scan);
    }

    /** A call of a statement with these fragments, and with the parameters that it has with them. */
    SqlCall call(
            Connection connection,
            LedgerStatement statement,
            Map<String, String> fragments,
            Map<String, SqlType> parameters) {
        return SqlCall.of(
                connection,
                statements.template(statement.sqlName(), fragments),
                new SqlSignature(parameters, statement.columns()));
    }
}
