package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.BaselineTables;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.testing.OwnDatabase;
import io.usagekit.testkit.ManualClock;
import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Buffers that a figure from roll-ups reads, however many events it counts. {@code -Dusagekit.plan.events=2000000} compares the buffers over
 * all events with those over a tenth of them as well; with fewer, hours are empty. {@code verification/benchmarks} measures time.
 */
class RollupFigurePlanIT {

    private static final int EVENTS = Integer.getInteger("usagekit.plan.events", 8_000);
    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final List<String> ORGANISATIONS = List.of("org-1", "org-10", "org-100");
    private static final int ORGANISATIONS_IN_ALL = 100;

    /** With a tenth of them, the largest organisation still has something in every hour. */
    private static final int ENOUGH_FOR_EVERY_HOUR = 1_000_000;

    @Test
    void readsAsManyBuffersHoweverManyEventsItCounts() throws SQLException {
        List<Long> many = buffers(EVENTS);

        assertThat(many).allSatisfy(buffers -> assertThat(buffers).isLessThanOrEqualTo(100));
        if (EVENTS >= ENOUGH_FOR_EVERY_HOUR) {
            List<Long> few = buffers(EVENTS / 10);
            assertThat(many.get(0) * 10)
                    .as("ten times the buffers against 12 times those of a tenth of the events: %s, %s", many, few)
                    .isLessThanOrEqualTo(few.get(0) * 12);
        }
    }

    /** Buffers of the figures of the largest organisation, one of the middle, and a tiny one. */
    private static List<Long> buffers(int events) throws SQLException {
        try (OwnDatabase database = OwnDatabase.create("plan")) {
            return buffers(events, database);
        }
    }

    private static List<Long> buffers(int events, OwnDatabase database) throws SQLException {
        String schema = "plan";
        String s = Identifiers.quote(schema);
        // In the order of their times, as they come.
        BaselineTables.create(
                database::execute,
                schema,
                events,
                ORGANISATIONS_IN_ALL,
                "timestamptz '2026-04-01Z' - ((" + events + " - n)::float8 / " + events + ") * interval '90 days'",
                "1 hour");
        TableMapping mapping = TableMapping.gateway(schema);
        PostgresRollups rollups = PostgresRollups.builder(database.pool())
                .mapping(mapping)
                .clock(ManualClock.at("2026-04-02T00:00:00Z"))
                .build();
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("set jit = off; set plan_cache_mode = force_custom_plan");
            rollups.install();
            roll(rollups);
            RollupFigureQuery query = RollupFigureQuery.over(
                    RollupSql.over(TableShape.read(connection, mapping), rollups.schema()), ProjectScope.ALIVE);
            UsageKey largest = new UsageKey(ORGANISATIONS.get(0), MARCH);
            query.execute(connection, largest);
            assertThat(buffers(connection, query, largest))
                    .as("sums are stored in the order in which they are read: buffers before a VACUUM")
                    .isLessThanOrEqualTo(200);
            statement.execute("vacuum (analyze) " + s + ".event_deliveries");
            statement.execute("vacuum (analyze) " + Identifiers.qualified(rollups.schema(), "rollup"));
            statement.execute("vacuum (analyze) " + Identifiers.qualified(rollups.schema(), "mark"));
            List<Long> buffers = new ArrayList<>();
            for (String organisation : ORGANISATIONS) {
                UsageKey key = new UsageKey(organisation, MARCH);
                FigureComparison.Pair pair = new FigureComparison(database.pool(), rollups, mapping).compare(key);
                assertThat(pair.rolled()).isEqualTo(pair.raw());
                assertThat(pair.liveHours()).isZero();
                query.execute(connection, key); // plans the comparison of the tables, once in each session
                buffers.add(buffers(connection, query, key));
            }
            List<OrganisationUsage> all = new ArrayList<>();
            rollups.calculateAll(MARCH, Duration.ofMinutes(5), all::add);
            assertThat(all).hasSize(ORGANISATIONS_IN_ALL);
            assertFigureSurvivesRetention(rollups);
            return buffers;
        }
    }

    private static void roll(PostgresRollups rollups) {
        try (RollupWorker worker = rollups.worker().build()) {
            while (!worker.runOnce().finished()) {
                Thread.onSpinWait();
            }
        }
    }

    /** Deletes all but the newest rows, and computes the month of the largest organisation again. */
    private static void assertFigureSurvivesRetention(PostgresRollups rollups) {
        UsageKey key = new UsageKey("org-1", MARCH);
        OrganisationUsage before = rollups.calculator().calculate(key, Duration.ofMinutes(5));
        rollups.deleteBefore(Instant.parse("2026-03-16T00:00:00Z"), new RetentionProgress() {});
        roll(rollups);
        OrganisationUsage after = rollups.calculator().calculate(key, Duration.ofMinutes(5));
        assertThat(after.received()).isEqualTo(before.received());
        assertThat(after.sent()).isEqualTo(before.sent());
    }

    /** Returns the buffers that the execution of the statement reads. */
    static long buffers(Connection connection, RollupFigureQuery query, UsageKey key) throws SQLException {
        try (PreparedStatement statement =
                        query.call(connection, key).prepare("explain (analyze, buffers, format json) ");
                ResultSet row = statement.executeQuery()) {
            row.next();
            JsonNode plan = new ObjectMapper().readTree(row.getString(1)).get(0).get("Plan");
            return plan.path("Shared Hit Blocks").asLong()
                    + plan.path("Shared Read Blocks").asLong();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
