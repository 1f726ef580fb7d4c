package io.usagekit.postgres.internal;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the combined query reads over 200,000 events and 400,000 deliveries, compared with the baseline. */
class CombinedQueryPlanIT {

    private static final String EXPLAIN = "explain (analyze, buffers, format json) ";
    private static final UsagePeriod FEBRUARY = UsagePeriod.month(YearMonth.of(2026, 2));

    private static String schema;
    private static CombinedQuery query;
    private static long baselineOfLargest;

    @BeforeAll
    static void fill() throws SQLException {
        schema = Database.newSchema("plan");
        BaselineTables.create(
                schema, 200_000, 40, "timestamptz '2026-01-01Z' + random() * interval '90 days'", "1 day");
        baselineOfLargest = buffers(baseline("org-1"));

        TableMapping mapping = TableMapping.gateway(schema);
        PostgresUsage.installIndexes(Database.pool(), mapping);
        Database.execute("vacuum (analyze) " + Identifiers.quote(schema) + ".event_deliveries");
        try (Connection connection = Database.pool().getConnection()) {
            query = CombinedQuery.over(TableShape.read(connection, mapping), ProjectScope.ALIVE);
        }
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    @ParameterizedTest
    @ValueSource(strings = {"org-1", "org-6", "org-40"})
    void scansEachTablesWindowOnce(String organisation) throws SQLException {
        JsonNode plan = plan(organisation);
        List<JsonNode> events = scans(plan, "events");
        List<JsonNode> deliveries = scans(plan, "event_deliveries");

        assertThat(events.stream().filter(scan -> condition(scan).contains("created_at")))
                .as("scans of the events' window in %s", plan.toPrettyString())
                .hasSize(1)
                .allSatisfy(scan -> assertThat(condition(scan)).contains("project_id"));
        assertThat(events.stream().filter(scan -> !condition(scan).contains("created_at")))
                .as("other scans of events in %s", plan.toPrettyString())
                .hasSize(1)
                .allSatisfy(scan -> {
                    assertThat(scan.path("Index Name").asText()).isEqualTo("events_pkey");
                    assertThat(condition(scan)).contains("event_id");
                });
        assertThat(deliveries)
                .as("scans of deliveries in %s", plan.toPrettyString())
                .hasSize(1)
                .allSatisfy(scan -> {
                    assertThat(scan.path("Node Type").asText()).isEqualTo("Index Only Scan");
                    assertThat(condition(scan)).contains("project_id").contains("created_at");
                });
    }

    @Test
    void readsAtMostAQuarterOfTheBaselinesBuffers() throws SQLException {
        long ours = buffers(plan("org-1"));
        long helped = buffers(baseline("org-1"));
        System.out.printf(
                "Buffers for the largest organisation's month: combined query %,d, baseline %,d (ratio %.1f), baseline with"
                        + " our indexes %,d (ratio %.1f); the baseline's figures differ from the truth%n",
                ours, baselineOfLargest, (double) baselineOfLargest / ours, helped, (double) helped / ours);
        assertThat(ours * 4).as("four times our buffers against the baseline's").isLessThanOrEqualTo(baselineOfLargest);
    }

    private static JsonNode plan(String organisation) throws SQLException {
        try (Connection connection = Database.pool().getConnection();
                PreparedStatement statement =
                        query.prepare(connection, new UsageKey(organisation, FEBRUARY), EXPLAIN)) {
            return explained(statement);
        }
    }

    private static JsonNode baseline(String organisation) throws SQLException {
        SqlTemplate baseline =
                SqlTemplate.of(SqlTemplate.resource("baseline-combined.sql"), Map.of("s", Identifiers.quote(schema)));
        try (Connection connection = Database.pool().getConnection();
                PreparedStatement statement = SqlCall.of(connection, baseline)
                        .text("organisation_id", organisation)
                        .instant("start", FEBRUARY.start())
                        .instant("end", FEBRUARY.end())
                        .prepare(EXPLAIN)) {
            return explained(statement);
        }
    }

    private static JsonNode explained(PreparedStatement statement) throws SQLException {
        try (ResultSet row = statement.executeQuery()) {
            row.next();
            return new ObjectMapper().readTree(row.getString(1)).get(0).get("Plan");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static long buffers(JsonNode plan) {
        return plan.path("Shared Hit Blocks").asLong()
                + plan.path("Shared Read Blocks").asLong();
    }

    private static String condition(JsonNode scan) {
        return scan.path("Index Cond").asText()
                + scan.path("Recheck Cond").asText()
                + scan.path("Filter").asText();
    }

    private static List<JsonNode> scans(JsonNode plan, String table) {
        List<JsonNode> found = new ArrayList<>();
        if (plan.path("Relation Name").asText().equals(table)) {
            found.add(plan);
        }
        for (JsonNode child : plan.path("Plans")) {
            found.addAll(scans(child, table));
        }
        return found;
    }
}
