package io.usagekit.examples;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.clickhouse.ClickHouseUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import java.time.Duration;
import java.time.YearMonth;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import javax.sql.DataSource;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * Figures with the sums of roll-ups on a ClickHouse cluster. Arguments: JDBC URL of PostgreSQL, JDBC URL of ClickHouse, whose driver is on the
 * class path.
 */
public final class ClickHouseMain {

    private ClickHouseMain() {}

    /** Installs both ends, feeds ClickHouse for as long as it takes to ask for a month, and prints what was used in it. */
    public static void main(String... args) {
        PGSimpleDataSource postgres = new PGSimpleDataSource();
        postgres.setURL(args[0]);
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(args[1]);
        ScheduledExecutorService scheduler = Executors.newScheduledThreadPool(2);
        try (HikariDataSource clickHouse = new HikariDataSource(config)) {
            feed(postgres, clickHouse, scheduler);
        } finally {
            scheduler.shutdown();
        }
    }

    private static void feed(DataSource postgres, DataSource dataSource, ScheduledExecutorService scheduler) {
        // tag::quote
        PostgresRollups rollups = PostgresRollups.of(postgres, TableMapping.usagekit());
        rollups.install(); // once, at deployment, like both below
        RollupFeed feed = rollups.feed();
        feed.install();
        ClickHouseUsage clickHouse = ClickHouseUsage.builder(dataSource).build();
        clickHouse.install(); // without onCluster() on each server

        try (RollupWorker worker = rollups.worker().build(); // in any number of processes
                FeedWorker feeder = feed.worker(clickHouse.store())
                        .housekeeping(Duration.ofDays(1), () -> clickHouse.removeSuperseded(Duration.ofHours(1), 10))
                        .build();
                UsageService usage =
                        UsageService.builder(clickHouse.calculator(feed)).build()) {
            worker.start(scheduler, Duration.ofSeconds(10));
            feeder.start(scheduler, Duration.ofSeconds(10)); // or feeder.runOnce() from a scheduler of yours
            System.out.println(usage.get("org-123", UsagePeriod.month(YearMonth.of(2026, 3))));
        }
        // end::quote
    }
}
