package io.usagekit.cli.demo;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupRunResult;
import io.usagekit.postgres.rollups.RollupWorker;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The same figure from raw rows and from roll-ups.
 *
 * @param rolling how long it took to install roll-ups and to roll all there is
 * @param raw from raw rows, the median of {@value #RUNS}
 * @param rolled from roll-ups, the median of {@value #RUNS}
 */
record DemoRollups(Duration rolling, Duration raw, Duration rolled) {

    static final int RUNS = 21;

    private static final Duration PATIENCE = Duration.ofMinutes(1);

    /**
     * Installs roll-ups, rolls everything, and takes the times.
     *
     * @throws IllegalStateException if the two figures differ
     */
    static DemoRollups of(PostgresRollups rollups, UsageCalculator raw, UsageKey key) {
        long began = System.nanoTime();
        rollups.install();
        try (RollupWorker worker = rollups.worker().build()) {
            RollupRunResult run = worker.runOnce();
            while (!run.finished()) {
                run = worker.runOnce();
            }
        }
        Duration rolling = Duration.ofNanos(System.nanoTime() - began);
        UsageCalculator rolled = rollups.calculator();
        OrganisationUsage fromRaw = raw.calculate(key, PATIENCE);
        OrganisationUsage fromRollups = rolled.calculate(key, PATIENCE);
        if (!used(fromRaw).equals(used(fromRollups))) {
            throw new IllegalStateException("raw rows say " + fromRaw + ", roll-ups say " + fromRollups);
        }
        return new DemoRollups(rolling, median(raw, key), median(rolled, key));
    }

    private static List<UsageMetrics> used(OrganisationUsage usage) {
        return List.of(usage.received(), usage.sent());
    }

    private static Duration median(UsageCalculator calculator, UsageKey key) {
        List<Duration> times = new ArrayList<>();
        for (int i = 0; i < RUNS; i++) {
            long began = System.nanoTime();
            calculator.calculate(key, PATIENCE);
            times.add(Duration.ofNanos(System.nanoTime() - began));
        }
        return times.stream().sorted().toList().get(RUNS / 2);
    }
}
