package io.usagekit.examples;

import io.lettuce.core.RedisClient;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResults;
import io.usagekit.UsageService;
import io.usagekit.format.UsageError;
import io.usagekit.format.UsageResponseFormatter;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.redis.RedisUsage;
import java.time.YearMonth;
import java.util.List;
import org.postgresql.ds.PGSimpleDataSource;

/** A page of organisations, and a year of one of them. Arguments: JDBC URL, Redis URL. */
public final class BulkMain {

    private BulkMain() {}

    /** Prints a figure or an error for each organisation, and the months of one. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        UsageResponseFormatter formatter = UsageResponseFormatter.plain();
        try (RedisClient redis = RedisClient.create(args[1])) {
            // tag::quote
            UsagePeriod march = UsagePeriod.month(YearMonth.of(2026, 3));
            try (UsageService usage = UsageService.builder(PostgresUsage.calculator(dataSource))
                    .cache(RedisUsage.cache(redis))
                    .build()) {
                UsageResults page = usage.getAll(List.of("org-123", "org-456"), march);
                page.results().values().forEach(result -> System.out.println(formatter.toJson(result)));
                page.failures()
                        .forEach((key, failure) -> System.out.println(formatter.toJson(key, UsageError.of(failure))));

                UsageResults months = usage.get("org-123", List.of(march.previous(), march));
                months.results().forEach((key, result) -> System.out.println(key + ": " + result));
            }
            // end::quote
        }
    }
}
