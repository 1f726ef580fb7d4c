package io.usagekit.examples;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.SingleFlights;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.PostgresUsage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Several processes, one computation, without Redis: run it twice at once, and both print the same. Argument: JDBC URL. */
public final class PostgresFleetMain {

    private PostgresFleetMain() {}

    /** Prints a figure that this process or another has computed. */
    public static void main(String... args) {
        try (HikariDataSource dataSource = new HikariDataSource()) {
            dataSource.setJdbcUrl(args[0]);
            ExecutorService executor = Executors.newFixedThreadPool(4);
            // tag::quote
            PostgresCache shared = PostgresCache.builder(dataSource, executor)
                    .listenOn(dataSource) // holds one of its connections; without it, loads poll
                    .build();
            shared.install(); // once, at deployment
            try (UsageService usage = UsageService.builder(PostgresUsage.calculator(dataSource))
                    .cache(shared.cache())
                    .singleFlight(SingleFlights.fleetWide(shared.flightStore()))
                    .build()) {
                System.out.println(usage.get("org-123", UsagePeriod.parse("2026-03")));
            } finally {
                executor.shutdown(); // the host's own, after the service
            }
            // end::quote
        }
    }
}
