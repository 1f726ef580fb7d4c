package io.usagekit.examples;

import io.lettuce.core.RedisClient;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.redis.RedisUsage;
import org.postgresql.ds.PGSimpleDataSource;

/** Several processes, one computation: run it twice at once, and both print the same. Arguments: JDBC URL, Redis URL. */
public final class FleetMain {

    private FleetMain() {}

    /** Prints a figure that this process or another has computed. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        try (RedisClient redis = RedisClient.create(args[1])) {
            // tag::quote
            RedisUsage.Builder shared = RedisUsage.builder(redis); // the same key prefix for both
            try (UsageService usage = UsageService.builder(PostgresUsage.calculator(dataSource))
                    .cache(shared.build())
                    .singleFlight(shared.buildSingleFlight())
                    .build()) {
                System.out.println(usage.get("org-123", UsagePeriod.parse("2026-03")));
            }
            // end::quote
        }
    }
}
