package io.usagekit.verification.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.MissPolicy;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.redis.RedisUsage;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** With Redis gone, PostgreSQL is asked no more at a time than the permits allow. */
class RedisDownIT {

    private static final int COLD_KEYS = Boolean.getBoolean("usagekit.thorough") ? 10_000 : 2_000;
    private static final int PERMITS = 4;
    private static final String APPLICATION = "usagekit-redis-down";

    @Test
    void coldKeysNeverExceedThePermitsInPostgres() throws SQLException {
        try (WholeSystem system = new WholeSystem();
                HikariDataSource wide = widePool(system);
                UsageService usage = service(system, slow(wide))
                        .maxConcurrentComputations(PERMITS)
                        .missPolicy(MissPolicy.awaitUpTo(Duration.ofSeconds(2)))
                        .build()) {
            system.redis.kill();
            Census census = new Census(system);
            Thread counting = new Thread(census, "census");
            counting.start();
            List<CompletableFuture<String>> answers = new ArrayList<>();
            for (int i = 0; i < COLD_KEYS; i++) {
                int organisation = 1 + i % WholeSystem.ORGANISATIONS;
                answers.add(usage.getAsync(WholeSystem.organisation(organisation), window(i))
                        .handle((result, error) -> kind(organisation, result, error))
                        .toCompletableFuture());
            }
            List<String> kinds = answers.stream()
                    .map(answer -> answer.orTimeout(2, TimeUnit.MINUTES).join())
                    .toList();
            census.stop(counting);

            System.out.printf(
                    "RedisDownIT: %,d cold keys: %,d figures, %,d pending; at most %d computations at once in PostgreSQL, of %d"
                            + " permits, in %,d counts%n",
                    COLD_KEYS,
                    kinds.stream().filter("figure"::equals).count(),
                    kinds.stream().filter("pending"::equals).count(),
                    census.most.get(),
                    PERMITS,
                    census.counts.get());
            assertThat(kinds).containsOnly("figure", "pending");
            assertThat(kinds).contains("figure");
            assertThat(census.most.get()).as("at once in PostgreSQL").isBetween(2, PERMITS);
        }
    }

    private static UsageServiceBuilder service(WholeSystem system, UsageCalculator calculator) {
        return UsageService.builder(calculator)
                .cache(RedisUsage.nearCache(system.redisClient))
                .singleFlight(RedisUsage.singleFlight(system.redisClient));
    }

    /** Windows that differ, all within the month, each with everything that there is in it. */
    private static UsagePeriod window(int number) {
        return UsagePeriod.between(WholeSystem.MARCH.start().plusNanos(1_000L * number), WholeSystem.MARCH.end());
    }

    private static String kind(int organisation, UsageResult result, Throwable error) {
        if (error != null) {
            return (error.getCause() == null ? error : error.getCause()) instanceof UsageOverloadedException
                    ? "overloaded"
                    : error.toString();
        }
        return result.usage()
                .map(usage -> usage.received()
                                .equals(WholeSystem.expected(organisation, usage.createdAt())
                                        .received())
                        ? "figure"
                        : "wrong: " + usage)
                .orElse("pending");
    }

    /** Room for many more than there are permits. */
    private static HikariDataSource widePool(WholeSystem system) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(system.postgres.jdbcUrl() + "&ApplicationName=" + APPLICATION);
        config.setMaximumPoolSize(40);
        return new HikariDataSource(config);
    }

    /** Computes long enough to be counted. */
    private static UsageCalculator slow(HikariDataSource pool) {
        UsageCalculator calculator = PostgresUsage.calculator(pool);
        return (key, timeout) -> {
            try (Connection connection = pool.getConnection();
                    Statement statement = connection.createStatement()) {
                statement.execute("select pg_sleep(0.005)");
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
            return calculator.calculate(key, timeout);
        };
    }

    /**
     * Counts the sessions of the pool that are at work. PostgreSQL looks at one after the other, so that one count may have a session
     * that ends while it goes on and the one that follows it: only those count that two counts find in the same work.
     */
    private static final class Census implements Runnable {
        private final WholeSystem system;
        private final AtomicInteger most = new AtomicInteger();
        private final AtomicInteger counts = new AtomicInteger();
        private volatile boolean stopped;

        Census(WholeSystem system) {
            this.system = system;
        }

        @Override
        public void run() {
            try (Connection connection = system.postgres.dataSource().getConnection();
                    Statement statement = connection.createStatement()) {
                Set<String> before = new HashSet<>();
                while (!stopped) {
                    Set<String> atWork = atWork(statement);
                    before.retainAll(atWork);
                    most.accumulateAndGet(before.size(), Math::max);
                    counts.incrementAndGet();
                    before = atWork;
                }
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
        }

        private static Set<String> atWork(Statement statement) throws SQLException {
            Set<String> atWork = new HashSet<>();
            try (ResultSet row =
                    statement.executeQuery("select pid, state_change from pg_stat_activity where application_name = '"
                            + APPLICATION + "' and state in ('active', 'idle in transaction')")) {
                while (row.next()) {
                    atWork.add(row.getString("pid") + " since " + row.getString("state_change"));
                }
            }
            return atWork;
        }

        void stop(Thread counting) {
            stopped = true;
            try {
                counting.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
