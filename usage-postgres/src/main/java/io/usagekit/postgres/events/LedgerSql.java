package io.usagekit.postgres.events;

import io.usagekit.UsageKey;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlSignature;
import io.usagekit.postgres.internal.SqlTemplate;
import io.usagekit.postgres.internal.SqlType;
import java.sql.Connection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** The ledger's statements over the tables of one schema. Immutable. */
final class LedgerSql {

    private static final String EVENT_COLUMNS = part("events/event-columns.sql");
    static final String FILTER = "{filter}";

    private final Map<String, String> pieces;

    private LedgerSql(Map<String, String> pieces) {
        this.pieces = pieces;
    }

    /** Which projects count. */
    enum Projects {
        ALIVE("p.deleted_at is null"),
        ALL("true");

        private final String condition;

        Projects(String condition) {
            this.condition = condition;
        }
    }

    static LedgerSql in(String schema, Projects projects) {
        Map<String, String> pieces = new HashMap<>(tables(schema));
        pieces.put("project.counts", projects.condition);
        return new LedgerSql(pieces);
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
                "events_endpoints", Identifiers.qualified(schema, "events_endpoints"),
                "events_search", Identifiers.qualified(schema, "events_search"));
    }

    /** A statement that takes neither a filter nor a scan. */
    SqlCall call(Connection connection, LedgerStatement statement) {
        return call(connection, statement, LedgerFilter.NONE);
    }

    /** A statement under a filter, whose values are bound. */
    SqlCall call(Connection connection, LedgerStatement statement, LedgerFilter filter) {
        Map<String, SqlType> parameters = new LinkedHashMap<>(statement.parameters());
        parameters.putAll(filter.parameters());
        return filter.bindTo(call(connection, statement, text(statement, filter), parameters));
    }

    /** A statement on a scan, whose values are bound. */
    SqlCall call(Connection connection, LedgerStatement statement, Scan scan) {
        return call(connection, statement, LedgerFilter.NONE, scan);
    }

    /** A statement on a figure's period and on a scan, whose values are bound. */
    SqlCall figure(Connection connection, LedgerStatement statement, UsageKey key, Scan scan) {
        return call(connection, statement, scan)
                .text("organisation_id", key.organisationId())
                .instant("start", LedgerScan.from(key.period().start(), scan))
                .instant("end", LedgerScan.before(key.period().end(), scan));
    }

    /** A statement under a filter and on a scan, whose values are bound. */
    SqlCall call(Connection connection, LedgerStatement statement, LedgerFilter filter, Scan scan) {
        Map<String, SqlType> parameters = new LinkedHashMap<>(statement.parameters());
        parameters.putAll(filter.parameters());
        parameters.putAll(LedgerScan.parameters(scan));
        String text = LedgerScan.fill(text(statement, filter), scan);
        return LedgerScan.bindTo(filter.behind(scan).bindTo(call(connection, statement, text, parameters)), scan);
    }

    private SqlCall call(
            Connection connection, LedgerStatement statement, String text, Map<String, SqlType> parameters) {
        return SqlCall.of(connection, template(text), new SqlSignature(parameters, statement.columns()));
    }

    /** With the tables' names put in. */
    SqlTemplate template(String text) {
        return SqlTemplate.of(text, pieces);
    }

    /**
     * A statement's text, without the tables' names and the scan.
     *
     * @throws IllegalArgumentException if there are conditions, and the statement takes none
     */
    static String text(LedgerStatement statement, LedgerFilter filter) {
        String text = statement.text();
        if (filter != LedgerFilter.NONE && !statement.takesFilter()) {
            throw new IllegalArgumentException(statement + " takes no filter");
        }
        return text.replace(FILTER, filter.sql()).replace("{event_columns}", EVENT_COLUMNS);
    }

    /** The text of a resource, without comments. */
    static String part(String resource) {
        return SqlTemplate.withoutComments(SqlTemplate.resource(resource));
    }
}
