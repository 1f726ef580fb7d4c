package io.usagekit.postgres.internal;

import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.StatementsIT;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The statements of the package itself: the combined query, the catalog, sessions. */
class CatalogStatementsIT extends StatementsIT {

    private static String schema;
    private static SqlStatements statements;

    @BeforeAll
    static void install() throws SQLException {
        schema = Database.newSchema("catalog");
        PostgresUsage.install(Database.pool(), schema);
        TableMapping mapping =
                TableMapping.usagekit(schema).toBuilder().payload("raw", "data").build();
        try (Connection connection = Database.pool().getConnection()) {
            TableShape shape = TableShape.read(connection, mapping);
            Map<String, String> names = MappedNames.of(shape);
            names.put("project.counts", MappedNames.counts(shape, ProjectScope.ALIVE));
            statements = SqlStatements.of(
                    SqlFiles.of("combined-query.sql", "catalog.sql", "filled-times.sql", "session.sql"), names);
        }
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    @Override
    protected String folder() {
        return "";
    }

    @Override
    protected Set<String> files() {
        return Set.of("combined-query.sql", "catalog.sql", "filled-times.sql", "session.sql");
    }

    @Override
    protected Set<String> wholeScripts() {
        return Set.of("V0__usagekit_schema.sql", "V1__usagekit_tables.sql", "V2__usagekit_ledger.sql");
    }

    @Override
    protected SqlStatements statements() {
        return statements;
    }

    @Override
    protected List<Map<String, String>> variants(String statement) {
        if (statement.equals("combined-figures")) {
            return List.of(Map.of("near-windows", ""), Map.of("near-windows", "{event-is-near}"));
        }
        if (statement.equals("settings")) {
            return Stream.of(TransactionSettings.BOUND, TransactionSettings.OF_A_SINGLE_STATEMENT)
                    .map(fragments -> {
                        Map<String, String> all = new HashMap<>(fragments);
                        all.put("no-transaction-timeout", "");
                        return all;
                    })
                    .toList();
        }
        return statement.equals("combined-query")
                ? List.of(
                        Map.of(),
                        Map.of("window-event", "{window-event-partly-stored}"),
                        Map.of(
                                "sent-elsewhere", "{sent-elsewhere-near}",
                                "near", "{event-is-near}",
                                "projects-are-listed", "{projects-are-in-list}"),
                        Map.of(
                                "sent-elsewhere", "{sent-elsewhere-anywhere}",
                                "near", "{event-is-near} {event-is-of-projects}",
                                "event-in-window", "{event-in-window-of-projects}",
                                "delivery-counts", "{delivery-counts-of-projects}"))
                : List.of(Map.of());
    }

    @Override
    protected Map<String, Map<String, String>> namedScripts() {
        return Map.of(
                "plans",
                Map.of("plan_cache_mode", "auto", "enable_seqscan", "default"),
                "settings-without-snapshot",
                Map.of(
                        "statement_timeout", "1000",
                        "lock_timeout", "0",
                        "idle_timeout", "60000",
                        "no_transaction_timeout", "",
                        "plan_cache_mode", "force_custom_plan",
                        "enable_seqscan", "default"),
                "create-schema",
                Map.of("schema", Identifiers.quote(schema + "_other")),
                "drop-schema",
                Map.of("schema", Identifiers.quote(schema)),
                "create-index",
                Map.of(
                        "concurrently",
                        Index.BLOCKING,
                        "index",
                        Identifiers.quote("checked"),
                        "table",
                        Identifiers.qualified(schema, "events"),
                        "definition",
                        "(event_type)"));
    }
}
