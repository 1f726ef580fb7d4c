package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.BaselineTables;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlTemplate;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.testing.Database;
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
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * What a figure costs from roll-ups, by the combined query and by the original design's: buffers, and median milliseconds on the
 * machine at hand. With few rows, so that it is part of every build; the figures that count take
 *
 * <pre>mvn verify -pl usage-postgres -am -Dit.test=RollupFigurePlanIT -Dusagekit.benchmark.events=2000000</pre>
 */
class RollupFigurePlanIT {

    private static final int EVENTS = Integer.getInteger("usagekit.benchmark.events", 60_000);
    private static final String EXPLAIN = "explain (analyze, buffers, format json) ";
    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final List<String> ORGANISATIONS = List.of("org-1", "org-10", "org-100");
    private static final int ORGANISATIONS_IN_ALL = 100;
    private static final int RUNS = 15;

    /** With a tenth of them, the largest organisation still has something in every hour. */
    private static final int ENOUGH_FOR_EVERY_HOUR = 1_000_000;

    private record Cost(double millis, long buffers) {
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%,10.2f ms %,10d buffers", millis, buffers);
        }
    }

    private interface Query {
        PreparedStatement prepare(Connection connection, String prefix) throws SQLException;
    }

    /** Everything that is measured over tables of one size. */
    private record Measured(
            List<Cost> baseline,
            List<Cost> combined,
            List<Cost> rolled,
            Cost marked,
            Cost all,
            Cost raw,
            Cost retained) {}

    @Test
    void aFigureFromRollupsCostsTheSameHoweverManyEventsItCounts() throws SQLException {
        Measured few = measure(EVENTS / 10);
        Measured many = measure(EVENTS);
        System.out.printf(
                Locale.ROOT,
                "%,d events, %,d deliveries; the largest organisation, one of the middle, a tiny one:%n",
                EVENTS,
                2 * EVENTS);
        for (int i = 0; i < ORGANISATIONS.size(); i++) {
            Cost baseline = many.baseline().get(i);
            System.out.printf(
                    Locale.ROOT,
                    "  %-8s original %s | combined %s (%.1fx faster, 1/%.1f of the buffers) | roll-ups %s (%.1fx faster)%n",
                    ORGANISATIONS.get(i),
                    baseline,
                    many.combined().get(i),
                    baseline.millis() / many.combined().get(i).millis(),
                    (double) baseline.buffers() / many.combined().get(i).buffers(),
                    many.rolled().get(i),
                    baseline.millis() / many.rolled().get(i).millis());
        }
        System.out.printf(
                Locale.ROOT,
                "  roll-ups with a tenth of the events %s%n  ten marked hours %s (%.1fx the clean read)%n"
                        + "  all organisations %s, one raw pass %s (1/%.1f)%n"
                        + "  half of the month's rows deleted by retention %s (%.1fx)%n",
                few.rolled().get(0),
                many.marked(),
                many.marked().millis() / many.rolled().get(0).millis(),
                many.all(),
                many.raw(),
                many.raw().millis() / many.all().millis(),
                many.retained(),
                many.retained().millis() / many.rolled().get(0).millis());

        assertThat(many.rolled()).allSatisfy(cost -> assertThat(cost.buffers()).isLessThanOrEqualTo(100));
        if (EVENTS >= ENOUGH_FOR_EVERY_HOUR) {
            assertThat(many.rolled().get(0).buffers() * 10)
                    .as("ten times the buffers against 12 times those of a tenth of the events: %s, %s", many, few)
                    .isLessThanOrEqualTo(few.rolled().get(0).buffers() * 12);
        }
    }

    private static Measured measure(int events) throws SQLException {
        String schema = Database.newSchema("benchmark");
        String s = Identifiers.quote(schema);
        // In the order of their times, as they come.
        BaselineTables.create(
                schema,
                events,
                ORGANISATIONS_IN_ALL,
                "timestamptz '2026-04-01Z' - ((" + events + " - n)::float8 / " + events + ") * interval '90 days'",
                "1 hour");
        TableMapping mapping = TableMapping.gateway(schema);
        PostgresRollups rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .clock(ManualClock.at("2026-04-02T00:00:00Z"))
                .build();
        try (HikariDataSource one = Database.newPool(1);
                Connection connection = one.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("set jit = off");
            List<Cost> baseline = new ArrayList<>();
            SqlTemplate original = SqlTemplate.of(SqlTemplate.resource("baseline-combined.sql"), Map.of("s", s));
            for (String organisation : ORGANISATIONS) {
                baseline.add(cost(
                        connection,
                        (c, prefix) -> SqlCall.of(c, original)
                                .text("organisation_id", organisation)
                                .instant("start", MARCH.start())
                                .instant("end", MARCH.end())
                                .prepare(prefix)));
            }
            long began = System.nanoTime();
            rollups.install();
            try (RollupWorker worker = rollups.worker().build()) {
                while (!worker.runOnce().finished()) {
                    Thread.onSpinWait();
                }
            }
            System.out.printf(
                    Locale.ROOT,
                    "%,d events: installed and back-filled in %.1f s%n",
                    events,
                    (System.nanoTime() - began) / 1e9);
            statement.execute("vacuum (analyze) " + s + ".event_deliveries");
            statement.execute("vacuum (analyze) " + Identifiers.qualified(rollups.schema(), "rollup"));
            statement.execute("vacuum (analyze) " + Identifiers.qualified(rollups.schema(), "mark"));
            statement.execute("set plan_cache_mode = force_custom_plan");
            TableShape shape = TableShape.read(connection, mapping);
            CombinedQuery combinedQuery = CombinedQuery.over(mapping, shape, ProjectScope.ALIVE);
            RollupSql sql = RollupSql.over(mapping, shape, rollups.schema());
            RollupFigureQuery rollupQuery = RollupFigureQuery.over(sql, ProjectScope.ALIVE);
            List<Cost> combined = new ArrayList<>();
            List<Cost> rolled = new ArrayList<>();
            for (String organisation : ORGANISATIONS) {
                UsageKey key = new UsageKey(organisation, MARCH);
                FigureComparison.Pair pair = new FigureComparison(Database.pool(), rollups, mapping).compare(key);
                assertThat(pair.rolled()).isEqualTo(pair.raw());
                assertThat(pair.liveHours()).isZero();
                combined.add(cost(connection, (c, prefix) -> combinedQuery.prepare(c, key, prefix)));
                rolled.add(
                        cost(connection, (c, prefix) -> rollupQuery.call(c, key).prepare(prefix)));
            }
            Cost raw = cost(
                    connection,
                    (c, prefix) -> SqlCall.of(
                                    c,
                                    SqlTemplate.of(
                                            SqlTemplate.resource("rollups-benchmark-raw-pass.sql"), Map.of("s", s)))
                            .instant("start", MARCH.start())
                            .instant("end", MARCH.end())
                            .prepare(prefix));
            List<OrganisationUsage> all = new ArrayList<>();
            List<Double> millis = new ArrayList<>();
            for (int run = 0; run < 5; run++) {
                all.clear();
                began = System.nanoTime();
                rollups.calculateAll(MARCH, Duration.ofMinutes(5), all::add);
                millis.add((System.nanoTime() - began) / 1e6);
            }
            assertThat(all).hasSize(ORGANISATIONS_IN_ALL);
            Collections.sort(millis);
            statement.execute(
                    "insert into " + Identifiers.qualified(rollups.schema(), "mark")
                            + " select 'project-1', timestamptz '2026-03-05Z' + n * interval '50 hours' from generate_series(1, 10) n");
            Cost marked = cost(
                    connection,
                    (c, prefix) ->
                            rollupQuery.call(c, new UsageKey("org-1", MARCH)).prepare(prefix));
            Cost retained = retain(connection, rollups, rollupQuery);
            return new Measured(baseline, combined, rolled, marked, new Cost(millis.get(2), 0), raw, retained);
        } finally {
            rollups.removeWithRetained();
            Database.dropSchema(schema);
        }
    }

    /** Deletes all but the newest rows, and asks for the month of the largest organisation once more. */
    private static Cost retain(Connection connection, PostgresRollups rollups, RollupFigureQuery query)
            throws SQLException {
        UsageKey key = new UsageKey("org-1", MARCH);
        OrganisationUsage before = rollups.calculator().calculate(key, Duration.ofMinutes(5));
        long began = System.nanoTime();
        RetentionResult gone = rollups.deleteBefore(Instant.parse("2026-03-16T00:00:00Z"), new RetentionProgress() {});
        double seconds = (System.nanoTime() - began) / 1e9;
        try (RollupWorker worker = rollups.worker().build();
                Statement statement = connection.createStatement()) {
            while (!worker.runOnce().finished()) {
                Thread.onSpinWait();
            }
            for (String table : List.of("retained", "rollup", "mark")) {
                statement.execute("vacuum (analyze) " + Identifiers.qualified(rollups.schema(), table));
            }
        }
        System.out.printf(
                Locale.ROOT,
                "retention: %,d events and %,d deliveries in %.1f s, %,.0f rows a second; rolled anew in %.1f s%n",
                gone.events(),
                gone.deliveries(),
                seconds,
                (gone.events() + gone.deliveries()) / seconds,
                (System.nanoTime() - began) / 1e9 - seconds);
        OrganisationUsage after = rollups.calculator().calculate(key, Duration.ofMinutes(5));
        assertThat(after.received()).isEqualTo(before.received());
        assertThat(after.sent()).isEqualTo(before.sent());
        return cost(connection, (c, prefix) -> query.call(c, key).prepare(prefix));
    }

    private static Cost cost(Connection connection, Query query) throws SQLException {
        List<Double> millis = new ArrayList<>();
        for (int run = 0; run < RUNS; run++) {
            long began = System.nanoTime();
            try (PreparedStatement statement = query.prepare(connection, "");
                    ResultSet row = statement.executeQuery()) {
                row.next();
            }
            millis.add((System.nanoTime() - began) / 1e6);
        }
        Collections.sort(millis);
        try (PreparedStatement statement = query.prepare(connection, EXPLAIN);
                ResultSet row = statement.executeQuery()) {
            row.next();
            JsonNode plan = new ObjectMapper().readTree(row.getString(1)).get(0).get("Plan");
            if (Boolean.getBoolean("usagekit.benchmark.plans")) {
                System.out.println(plan.toPrettyString());
            }
            return new Cost(
                    millis.get(RUNS / 2),
                    plan.path("Shared Hit Blocks").asLong()
                            + plan.path("Shared Read Blocks").asLong());
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
