package io.usagekit.verification.system;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.lettuce.core.RedisClient;
import io.lettuce.core.resource.ClientResources;
import io.lettuce.core.resource.Delay;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.redis.RedisUsage;
import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.servers.EmbeddedRedisServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;

/** Both servers with known rows in them, and what a host would wire around them. */
final class WholeSystem implements AutoCloseable {

    static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    static final int ORGANISATIONS = 5;

    final EmbeddedPostgresServer postgres = EmbeddedPostgresServer.start();
    final EmbeddedRedisServer redis = EmbeddedRedisServer.start();
    final HikariDataSource pool;
    private final ClientResources resources = ClientResources.builder()
            .reconnectDelay(Delay.constant(Duration.ofMillis(100)))
            .build();
    final RedisClient redisClient = RedisClient.create(resources, redis.url());

    WholeSystem() throws SQLException {
        this(Duration.ofSeconds(30));
    }

    /** With a pool that waits this long for a connection. */
    WholeSystem(Duration connectionTimeout) throws SQLException {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(postgres.jdbcUrl() + "&connectTimeout=10");
        config.setMaximumPoolSize(4);
        config.setConnectionTimeout(connectionTimeout.toMillis());
        pool = new HikariDataSource(config);
        PostgresUsage.install(pool, TableMapping.DEFAULT_SCHEMA);
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            // Organisation n has received n events of 10 n octets in March, and sent each of them twice.
            statement.execute("insert into usagekit.projects (id, organisation_id) select 'p' || n, 'org-' || n from"
                    + " generate_series(1, " + ORGANISATIONS + ") n");
            statement.execute(
                    "insert into usagekit.events (id, project_id, raw, created_at) select 'e' || n || '-' || k, 'p' || n,"
                            + " repeat('x', 10 * n), '2026-03-10Z' from generate_series(1, " + ORGANISATIONS
                            + ") n, generate_series(1, n) k");
            statement.execute(
                    "insert into usagekit.event_deliveries (id, project_id, event_id, status, created_at) select id || '-'"
                            + " || k, project_id, id, 'Success', '2026-03-11Z' from usagekit.events, generate_series(1, 2) k");
        }
    }

    static String organisation(int n) {
        return "org-" + n;
    }

    /** The figure that is in the database. */
    static OrganisationUsage expected(int n, Instant createdAt) {
        return new OrganisationUsage(
                new UsageKey(organisation(n), MARCH),
                new UsageMetrics(n, 10L * n * n),
                new UsageMetrics(2L * n, 20L * n * n),
                createdAt);
    }

    /** A service over both, as one process has it. */
    UsageServiceBuilder service() {
        return UsageService.builder(PostgresUsage.calculator(pool)).cache(RedisUsage.cache(redisClient));
    }

    @Override
    @SuppressWarnings("FutureReturnValueIgnored") // nobody waits for idle threads
    public void close() {
        pool.close();
        redisClient.shutdown();
        resources.shutdown();
        redis.close();
        postgres.close();
    }
}
