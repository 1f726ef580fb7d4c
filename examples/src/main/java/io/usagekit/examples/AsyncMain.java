package io.usagekit.examples;

import io.lettuce.core.RedisClient;
import io.usagekit.MissPolicy;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.format.UsageResponseFormatter;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.redis.RedisUsage;
import org.postgresql.ds.PGSimpleDataSource;

/** Nobody waits: run it twice, and the second answer has the figure. Arguments: JDBC URL, Redis URL. */
public final class AsyncMain {

    private AsyncMain() {}

    /** Prints the answer there is by now. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        try (RedisClient redis = RedisClient.create(args[1])) {
            // tag::quote
            UsageResponseFormatter formatter =
                    UsageResponseFormatter.enveloped().withFreshness();
            try (UsageService usage = UsageService.builder(PostgresUsage.calculator(dataSource))
                    .cache(RedisUsage.cache(redis))
                    .missPolicy(MissPolicy.pending()) // or awaitUpTo(Duration.ofMillis(200))
                    .build()) {
                usage.getAsync("org-123", UsagePeriod.parse("2026-03"))
                        .thenApply(formatter::toJson) // "pending": true in place of figures that aren't known yet
                        .thenAccept(System.out::println)
                        .toCompletableFuture()
                        .join();
            }
            // end::quote
        }
    }
}
