package io.usagekit.examples;

import io.lettuce.core.RedisClient;
import io.usagekit.MissPolicy;
import io.usagekit.OutagePolicy;
import io.usagekit.UsageException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.redis.RedisUsage;
import java.time.Duration;
import org.postgresql.ds.PGSimpleDataSource;

/** What callers get while something is down, slow or overloaded. Arguments: JDBC URL, Redis URL. */
public final class OutageMain {

    private OutageMain() {}

    /** Prints the best answer there is. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        try (RedisClient redis = RedisClient.create(args[1])) {
            // tag::quote
            try (UsageService usage = UsageService.builder(PostgresUsage.calculator(dataSource))
                    .cache(RedisUsage.cache(redis))
                    .staleIfError(Duration.ofHours(6)) // an old figure rather than an error
                    .missPolicy(MissPolicy.awaitUpTo(Duration.ofSeconds(2))) // then "pending"
                    .outagePolicy(OutagePolicy.FAIL_CLOSED) // without Redis, spare PostgreSQL
                    .maxConcurrentComputations(8)
                    .maxConcurrentComputationsPerOrganisation(2)
                    .maxQueuedComputations(100)
                    .build()) {
                UsageResult result = usage.get("org-123", UsagePeriod.parse("2026-03"));
                switch (result.freshness()) {
                    case FRESH, STALE -> System.out.println(result);
                    case STALE_ON_ERROR -> System.out.println("as of " + result.createdAt() + ": " + result);
                    case PENDING -> System.out.println("not known yet, ask again");
                }
            } catch (UsageException e) {
                System.out.println("no figure: " + e.getMessage());
            }
            // end::quote
        }
    }
}
