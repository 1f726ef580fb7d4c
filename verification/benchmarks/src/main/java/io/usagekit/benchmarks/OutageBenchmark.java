package io.usagekit.benchmarks;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.lettuce.core.RedisClient;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.redis.RedisUsage;
import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.servers.EmbeddedRedisServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.YearMonth;
import java.util.List;
import java.util.function.IntConsumer;

/** What a call costs while Redis is down, beside a hit in a Redis that is well, and a computation. */
final class OutageBenchmark {

    private static final String ORGANISATION = "org-123";
    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final int times;

    /**
     * Prepares.
     *
     * @param times calls in a slice
     */
    OutageBenchmark(int times) {
        this.times = times;
    }

    /** Compares, on servers of its own. */
    List<Comparison.Result> run(int warmUp, int rounds, IntConsumer progress) throws SQLException {
        try (EmbeddedPostgresServer postgres = EmbeddedPostgresServer.start();
                EmbeddedRedisServer well = EmbeddedRedisServer.start();
                EmbeddedRedisServer down = EmbeddedRedisServer.start();
                HikariDataSource pool = pool(postgres)) {
            fill(pool);
            RedisClient toWell = RedisClient.create(well.url());
            RedisClient toDown = RedisClient.create(down.url());
            UsageCalculator calculator = PostgresUsage.calculator(pool);
            try (UsageService hits = UsageService.builder(calculator)
                            .cache(RedisUsage.cache(toWell))
                            .singleFlight(RedisUsage.singleFlight(toWell))
                            .ttl(Duration.ofHours(2))
                            .refreshAfter(Duration.ofHours(1))
                            .build();
                    UsageService cut = UsageService.builder(calculator)
                            .cache(RedisUsage.cache(toDown))
                            .singleFlight(RedisUsage.singleFlight(toDown))
                            .build();
                    UsageService without = UsageService.builder(calculator).build()) {
                hits.get(ORGANISATION, MARCH);
                down.kill();
                return new Comparison(List.of(
                                Peer.median("a hit in Redis, and then a computation", times, number -> {
                                    hits.get(ORGANISATION, MARCH);
                                    compute(calculator, number);
                                }),
                                Peer.median(
                                        "a call with Redis down",
                                        times,
                                        number -> cut.get(ORGANISATION, window(number))),
                                Peer.median(
                                        "a call without a cache",
                                        times,
                                        number -> without.get(ORGANISATION, window(number))),
                                Peer.median("a hit in Redis", times, number -> hits.get(ORGANISATION, MARCH)),
                                Peer.median("a computation", times, number -> compute(calculator, number))))
                        .run(warmUp, rounds, progress);
            } finally {
                toWell.shutdown();
                toDown.shutdown();
            }
        }
    }

    private static void compute(UsageCalculator calculator, int number) {
        calculator.calculate(new UsageKey(ORGANISATION, window(number)), PATIENCE);
    }

    /** Windows that differ, all with the same in them. */
    private static UsagePeriod window(int number) {
        return UsagePeriod.between(MARCH.start().plusNanos(1_000L * (number + 1)), MARCH.end());
    }

    private static HikariDataSource pool(EmbeddedPostgresServer postgres) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(postgres.jdbcUrl());
        config.setMaximumPoolSize(4);
        return new HikariDataSource(config);
    }

    private static void fill(HikariDataSource pool) throws SQLException {
        PostgresUsage.install(pool, TableMapping.DEFAULT_SCHEMA);
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(
                    "insert into usagekit.projects (id, organisation_id) values ('p', '" + ORGANISATION + "')");
            statement.execute("insert into usagekit.events (id, project_id, raw, created_at) select 'e' || n, 'p',"
                    + " repeat('x', 100), '2026-03-10Z' from generate_series(1, 1000) n");
            statement.execute("insert into usagekit.event_deliveries (id, project_id, event_id, status, created_at)"
                    + " select id, project_id, id, 'Success', '2026-03-11Z' from usagekit.events");
            statement.execute("analyze usagekit.events");
            statement.execute("analyze usagekit.event_deliveries");
        }
    }
}
