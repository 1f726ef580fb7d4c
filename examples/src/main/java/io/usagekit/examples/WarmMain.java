package io.usagekit.examples;

import io.lettuce.core.RedisClient;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.WarmResult;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.redis.RedisUsage;
import java.time.YearMonth;
import java.util.List;
import org.postgresql.ds.PGSimpleDataSource;

/** Figures ahead of the first question, and none after they have become wrong. Arguments: JDBC URL, Redis URL. */
public final class WarmMain {

    private WarmMain() {}

    /** Prints how many figures had to be computed, and one that was computed again. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        try (RedisClient redis = RedisClient.create(args[1])) {
            // tag::quote
            UsagePeriod march = UsagePeriod.month(YearMonth.of(2026, 3));
            try (UsageService usage = UsageService.builder(PostgresUsage.calculator(dataSource))
                    .cache(RedisUsage.cache(redis))
                    .build()) {
                WarmResult warm = usage.warm(List.of("org-123", "org-456"), march);
                System.out.printf(
                        "%d cached already, %d computed, %d failed%n",
                        warm.fresh(), warm.computed(), warm.failures().size());

                usage.invalidate("org-123", march); // once events of March were mended; or all its periods
                System.out.println(usage.get("org-123", march));
            }
            // end::quote
        }
    }
}
