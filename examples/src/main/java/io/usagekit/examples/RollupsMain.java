package io.usagekit.examples;

import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import java.time.Duration;
import java.time.YearMonth;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.postgresql.ds.PGSimpleDataSource;

/** Figures from roll-ups. Argument: JDBC URL. */
public final class RollupsMain {

    private RollupsMain() {}

    /** Installs roll-ups, maintains them for as long as it takes to ask for a month, and prints what was used in it. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        ScheduledExecutorService scheduler = Executors.newSingleThreadScheduledExecutor();
        // tag::quote
        PostgresRollups rollups = PostgresRollups.of(dataSource, TableMapping.usagekit());
        rollups.install(); // once, at deployment

        try (RollupWorker worker = rollups.worker().build(); // in any number of processes
                UsageService usage = UsageService.builder(rollups.calculator()).build()) {
            worker.start(scheduler, Duration.ofSeconds(10)); // or worker.runOnce() from a scheduler of yours
            System.out.println(usage.get("org-123", UsagePeriod.month(YearMonth.of(2026, 3))));
        }
        // end::quote
        scheduler.shutdown();
    }
}
