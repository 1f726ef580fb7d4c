package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.StatementsIT;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The statements of rewrites, over the tables of a rewrite that was interrupted during its backfill. */
class PartitionStatementsIT extends StatementsIT {

    private static PartitionFixture tables;
    private static SqlStatements statements;

    private static final class Interruption extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    @BeforeAll
    static void interruptARewrite() throws SQLException {
        tables = PartitionFixture.create();
        PostgresPartitions interrupted = tables.partitions(settings -> settings.probe(point -> {
            if (point == RewriteProbe.Point.BATCH_COPIED) {
                throw new Interruption();
            }
        }));
        assertThatThrownBy(() -> interrupted.partition(PartitionInterval.MONTH, PartitionProgress.NONE))
                .isInstanceOf(Interruption.class);
        statements = over(RewriteSql.FILES);
    }

    private static SqlStatements over(SqlSource source) throws SQLException {
        RewriteSql sql = new RewriteSql(
                tables.mapping, RewriteSql.Role.EVENTS, tables.schema + PostgresPartitions.SCHEMA_SUFFIX, source);
        try (Connection connection = Database.pool().getConnection()) {
            TableDefinition.describe(connection, sql);
        }
        return sql.statements().with(Map.of("partition", sql.table(), "same", "true"));
    }

    @AfterAll
    static void drop() {
        tables.close();
    }

    @Override
    protected String folder() {
        return "partitions";
    }

    @Override
    protected Set<String> files() {
        return Set.of("schema.sql", "catalog.sql", "obstacles.sql", "copy.sql", "cutover.sql", "foreign-keys.sql");
    }

    @Override
    protected Set<String> wholeScripts() {
        return Set.of();
    }

    @Override
    protected SqlStatements statements() {
        return statements;
    }

    @Override
    protected List<Map<String, String>> variants(String statement) {
        return statement.equals("copy-rows")
                ? List.of(Map.of("after", ""), Map.of("after", "{after-position}"))
                : List.of(Map.of());
    }

    @Override
    protected Map<String, Map<String, String>> namedScripts() {
        String state = Identifiers.quote(tables.schema + PostgresPartitions.SCHEMA_SUFFIX);
        return Map.of(
                "create-state", Map.of(),
                "create-change-log",
                        Map.of(
                                "change_log", state + ".checked_log",
                                "log_change", state + ".checked_function",
                                "trigger.change_log", "checked_trigger"),
                "refuse-truncate", Map.of("relation", statements.name("table"), "trigger.truncate", "checked_trigger"),
                "check-snapshots", Map.of("swapped_at", "'1'"),
                "create-triggers",
                        Map.ofEntries(
                                Map.entry("references", state + ".checked_references"),
                                Map.entry("referenced", state + ".checked_referenced"),
                                Map.entry("trigger.references", "checked_references"),
                                Map.entry("trigger.referenced", "checked_referenced"),
                                Map.entry("trigger.truncated", "checked_truncated"),
                                Map.entry("column", "event_id"),
                                Map.entry("key", "id"),
                                Map.entry("key_equals_column", "="),
                                Map.entry("key_equals_key", "="),
                                Map.entry("column_equals_column", "="),
                                Map.entry("referencing", Identifiers.qualified(tables.schema, "event_deliveries")),
                                Map.entry("referencing.schema", Identifiers.literal(tables.schema)),
                                Map.entry("referencing.name", "'event_deliveries'"),
                                Map.entry("column.name", "'event_id'"),
                                Map.entry("constraint.name", "'checked'"),
                                Map.entry("table.name", "'events'"),
                                Map.entry("timing", "not deferrable"),
                                Map.entry("timing.referenced", "not deferrable"),
                                Map.entry("on_delete", "violated := true;"),
                                Map.entry("on_update", "violated := true;")));
    }

    /** Negative controls: with these mistakes in the files the checks fail. */
    @ParameterizedTest(name = "{2} instead of {1} in {0}")
    @CsvSource(
            delimiter = '|',
            value = {
                "find-state        | target, phase, total      | aim, phase, total       | column \"aim\" does not exist",
                "list-partitions   | as rows                   | as estimate             | estimate",
                "save-position     | = :position               | = :place                | place",
                "copy-rows         | limit :rows               | limit :most             | most",
                "create-change-log | {key.type} not null       | {key.type} nut null     | syntax error",
            })
    void detectsAMistake(String statement, String right, String wrong, String message) throws SQLException {
        SqlStatements correct = statements;
        statements = over(new MutatedStatements(statement, right, wrong));
        try {
            assertThatThrownBy(() -> check(statement)).hasMessageContaining(message);
        } finally {
            statements = correct;
        }
    }
}
