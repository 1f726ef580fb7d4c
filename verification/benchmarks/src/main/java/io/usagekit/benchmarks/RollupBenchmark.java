package io.usagekit.benchmarks;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RetentionResult;
import io.usagekit.postgres.rollups.RollupWorker;
import java.io.PrintWriter;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Time of a figure by the query of the original design, by the combined query, and from roll-ups; of the figures of all organisations; and of
 * retention.
 */
final class RollupBenchmark {

    private static final String SCHEMA = "benchmark";
    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final List<String> ORGANISATIONS = List.of("org-1", "org-10", "org-100");
    private static final int RUNS = 15;
    private static final Duration TIMEOUT = Duration.ofMinutes(5);

    private final int events;
    private final PrintWriter out;

    RollupBenchmark(int events, PrintWriter out) {
        this.events = events;
        this.out = out;
    }

    void run() throws Exception {
        try (BenchmarkDatabase database = new BenchmarkDatabase()) {
            database.createGatewayTables(SCHEMA, events);
            out.printf(Locale.ROOT, "%,d events, %,d deliveries, of 100 organisations%n", events, 2 * events);
            TableMapping mapping = TableMapping.gateway(SCHEMA);
            UsageCalculator combined = PostgresUsage.calculator(database.pool(), mapping);
            List<Double> original = new ArrayList<>();
            List<Double> raw = new ArrayList<>();
            for (String organisation : ORGANISATIONS) {
                original.add(original(database, organisation));
                UsageKey key = new UsageKey(organisation, MARCH);
                raw.add(Timing.medianMillis(RUNS, () -> combined.calculate(key, TIMEOUT)));
            }
            double onePass = onePass(database);
            PostgresRollups rollups = PostgresRollups.builder(database.pool())
                    .mapping(mapping)
                    .clock(InstantSource.fixed(Instant.parse("2026-04-02T00:00:00Z")))
                    .build();
            out.printf(
                    Locale.ROOT,
                    "installed and back-filled in %.1f s%n",
                    Timing.millis(() -> {
                                rollups.install();
                                roll(rollups);
                            })
                            / 1e3);
            database.run("vacuum (analyze)");
            UsageCalculator rolled = rollups.calculator();
            for (int i = 0; i < ORGANISATIONS.size(); i++) {
                UsageKey key = new UsageKey(ORGANISATIONS.get(i), MARCH);
                double fromRollups = Timing.medianMillis(RUNS, () -> rolled.calculate(key, TIMEOUT));
                out.printf(
                        Locale.ROOT,
                        "%-8s original %,10.2f ms | combined %,10.2f ms (%.1fx faster) | roll-ups %,10.2f ms (%.1fx faster)%n",
                        ORGANISATIONS.get(i),
                        original.get(i),
                        raw.get(i),
                        original.get(i) / raw.get(i),
                        fromRollups,
                        original.get(i) / fromRollups);
            }
            double all = Timing.medianMillis(5, () -> rollups.calculateAll(MARCH, TIMEOUT, usage -> {}));
            out.printf(
                    Locale.ROOT,
                    "all organisations %,.2f ms, one pass over the raw rows %,.2f ms (%.1fx)%n",
                    all,
                    onePass,
                    onePass / all);
            retain(database, rollups);
        }
    }

    private static double original(BenchmarkDatabase database, String organisation) throws Exception {
        try (Connection connection = database.pool().getConnection()) {
            return Timing.medianMillis(
                    RUNS,
                    () -> database.read(
                            connection,
                            "/io/usagekit/postgres/baseline-combined.sql",
                            SCHEMA,
                            Map.of("organisation_id", organisation, "start", MARCH.start(), "end", MARCH.end())));
        }
    }

    private static double onePass(BenchmarkDatabase database) throws Exception {
        try (Connection connection = database.pool().getConnection()) {
            return Timing.medianMillis(
                    RUNS,
                    () -> database.read(
                            connection, "raw-pass.sql", SCHEMA, Map.of("start", MARCH.start(), "end", MARCH.end())));
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
    private void retain(BenchmarkDatabase database, PostgresRollups rollups) throws Exception {
        UsageKey key = new UsageKey("org-1", MARCH);
        OrganisationUsage before = rollups.calculator().calculate(key, TIMEOUT);
        long started = System.nanoTime();
        RetentionResult deleted =
                rollups.deleteBefore(Instant.parse("2026-03-16T00:00:00Z"), new RetentionProgress() {});
        double seconds = (System.nanoTime() - started) / 1e9;
        double rerolled = Timing.millis(() -> roll(rollups)) / 1e3;
        database.run("vacuum (analyze)");
        OrganisationUsage after = rollups.calculator().calculate(key, TIMEOUT);
        if (!after.received().equals(before.received()) || !after.sent().equals(before.sent())) {
            throw new IllegalStateException("retention changed the figure " + before + " to " + after);
        }
        out.printf(
                Locale.ROOT,
                "retention of %,d events and %,d deliveries %.1f s, %,.0f rows a second; re-rolled in %.1f s; the figure afterwards"
                        + " %,.2f ms%n",
                deleted.events(),
                deleted.deliveries(),
                seconds,
                (deleted.events() + deleted.deliveries()) / seconds,
                rerolled,
                Timing.medianMillis(RUNS, () -> rollups.calculator().calculate(key, TIMEOUT)));
    }
}
