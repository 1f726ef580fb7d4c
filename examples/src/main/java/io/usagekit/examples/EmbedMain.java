package io.usagekit.examples;

import com.zaxxer.hikari.HikariDataSource;
import io.lettuce.core.RedisClient;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.format.UsageResponseFormatter;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.redis.RedisUsage;
import java.time.YearMonth;

/** The usual wiring: PostgreSQL with the library's own tables, Redis, JSON. Arguments: JDBC URL, Redis URL. */
public final class EmbedMain {

    private EmbedMain() {}

    /** Prints what an organisation has used in a month. */
    public static void main(String... args) {
        String jdbcUrl = args[0];
        String redisUrl = args[1];
        // tag::quote
        try (HikariDataSource dataSource = new HikariDataSource();
                RedisClient redis = RedisClient.create(redisUrl)) {
            dataSource.setJdbcUrl(jdbcUrl);
            PostgresUsage.install(dataSource, TableMapping.DEFAULT_SCHEMA); // or tables of yours: see below
            try (UsageService usage = UsageService.builder(PostgresUsage.calculator(dataSource))
                    .cache(RedisUsage.cache(redis))
                    .build()) {
                UsageResult march = usage.get("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
                System.out.println(UsageResponseFormatter.enveloped().toJson(march));
            }
        }
        // end::quote
    }
}
