package io.usagekit.postgres.events;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlTemplate;
import java.sql.Connection;
import java.util.LinkedHashMap;
import java.util.Map;

/** The ledger's statements over the tables of one schema. Immutable. */
final class LedgerSql {

    private static final String EVENT_COLUMNS = part("events/event-columns.sql");
    private static final String FILTER = "{filter}";

    private final Map<String, String> tables;

    private LedgerSql(Map<String, String> tables) {
        this.tables = tables;
    }

    static LedgerSql in(String schema) {
        return new LedgerSql(tables(schema));
    }

    /** The tables, by the names that resources have for them. */
    static Map<String, String> tables(String schema) {
        return Map.of(
                "schema", Identifiers.quote(schema),
                "projects", Identifiers.qualified(schema, "projects"),
                "events", Identifiers.qualified(schema, "events"),
                "deliveries", Identifiers.qualified(schema, "event_deliveries"),
                "endpoints", Identifiers.qualified(schema, "endpoints"),
                "sources", Identifiers.qualified(schema, "sources"),
                "events_endpoints", Identifiers.qualified(schema, "events_endpoints"));
    }

    /** A statement that takes no filter. */
    LedgerCall call(Connection connection, LedgerStatement statement) {
        return call(connection, statement, LedgerFilter.NONE);
    }

    /** A statement under a filter, whose values are bound. */
    LedgerCall call(Connection connection, LedgerStatement statement, LedgerFilter filter) {
        Map<String, SqlType> parameters = new LinkedHashMap<>(statement.parameters());
        parameters.putAll(filter.parameters());
        SqlTemplate template = SqlTemplate.of(text(statement, filter), tables);
        LedgerCall call = new LedgerCall(connection, template, parameters, statement.columns());
        filter.bindTo(call);
        return call;
    }

    /**
     * A statement's text, without the tables' names.
     *
     * @throws IllegalArgumentException if there are conditions, and the statement takes none
     */
    static String text(LedgerStatement statement, LedgerFilter filter) {
        String text = statement.text();
        if (filter != LedgerFilter.NONE && !text.contains(FILTER)) {
            throw new IllegalArgumentException(statement + " takes no filter");
        }
        return text.replace(FILTER, filter.sql()).replace("{event_columns}", EVENT_COLUMNS);
    }

    /** The text of a resource, without comments. */
    static String part(String resource) {
        return SqlTemplate.withoutComments(SqlTemplate.resource(resource));
    }
}
