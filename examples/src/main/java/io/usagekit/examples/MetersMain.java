package io.usagekit.examples;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.micrometer.ObservedCalculator;
import io.usagekit.micrometer.RollupMeters;
import io.usagekit.micrometer.UsageMeters;
import io.usagekit.postgres.rollups.PostgresRollups;
import java.time.Duration;
import java.time.YearMonth;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.postgresql.ds.PGSimpleDataSource;

/** Micrometer's meters. Argument: JDBC URL. */
public final class MetersMain {

    private MetersMain() {}

    /** Registers meters of a service and of roll-ups, and prints some of them after a figure was computed. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        MeterRegistry registry = new SimpleMeterRegistry();
        ObservationRegistry observations = ObservationRegistry.create();
        ScheduledExecutorService scheduler = Executors.newSingleThreadScheduledExecutor();
        // tag::quote
        UsageMeters meters = UsageMeters.of(registry);
        RollupMeters rollupMeters = RollupMeters.of(registry);
        PostgresRollups rollups =
                PostgresRollups.builder(dataSource).listener(rollupMeters).build();
        try (UsageService usage =
                meters.bind(UsageService.builder(ObservedCalculator.of(rollups.calculator(), observations))
                        .addListener(meters)
                        .build())) {
            rollupMeters.start(rollups, scheduler, Duration.ofSeconds(15));
            usage.get("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));

            System.out.printf(
                    "%.0f misses, %d computations, %.0f permits%n",
                    registry.get("usagekit.misses").counter().count(),
                    registry.get("usagekit.computations").timer().count(),
                    registry.get("usagekit.permits.max").gauge().value());
        }
        // end::quote
        rollupMeters.close();
        scheduler.shutdown();
    }
}
