package io.usagekit.examples;

import io.lettuce.core.RedisClient;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.redis.RedisUsage;
import java.time.Duration;
import org.postgresql.ds.PGSimpleDataSource;

/** A cache in this process's memory in front of Redis. Arguments: JDBC URL, Redis URL. */
public final class NearMain {

    private NearMain() {}

    /** Asks three times, and prints where the answers came from. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        UsageListener hits = new UsageListener() {
            @Override
            public void hit(UsageKey key, UsageListener.Tier tier, Duration age) {
                System.out.println(tier);
            }
        };
        try (RedisClient redis = RedisClient.create(args[1])) {
            // tag::quote
            RedisUsage.Builder shared = RedisUsage.builder(redis);
            try (UsageService usage = UsageService.builder(PostgresUsage.calculator(dataSource))
                    .cache(shared.buildNearCache()) // in place of build()
                    .singleFlight(shared.buildSingleFlight())
                    .listener(hits)
                    .build()) {
                UsagePeriod march = UsagePeriod.parse("2026-03");
                usage.get("org-123", march); // computed, unless Redis has it
                usage.get("org-123", march); // from Redis: Tier.SHARED
                usage.get("org-123", march); // from memory: Tier.NEAR
            }
            // end::quote
        }
    }
}
