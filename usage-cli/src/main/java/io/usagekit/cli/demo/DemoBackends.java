package io.usagekit.cli.demo;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.lettuce.core.RedisClient;
import io.usagekit.cli.support.DatabaseOptions;
import io.usagekit.cli.support.RedisClients;
import io.usagekit.cli.support.Resources;
import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.servers.PostgresServer;
import io.usagekit.servers.RedisServer;
import java.io.PrintWriter;
import java.util.Map;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * What the demo runs on: servers of its own, or those it is given.
 *
 * @param connections to the database, no pool
 * @param dataSource a pool of them
 * @param redisUrl may hold a password
 */
record DemoBackends(PGSimpleDataSource connections, DataSource dataSource, String redisUrl, RedisClient redis) {

    private static final int POOL = 8;

    /** For data that nobody will miss. */
    private static final Map<String, String> THROW_AWAY = Map.of(
            "fsync", "off",
            "synchronous_commit", "off",
            "full_page_writes", "off",
            "wal_level", "minimal",
            "max_wal_senders", "0",
            "max_wal_size", "64MB",
            "min_wal_size", "32MB",
            "shared_buffers", "256MB",
            "maintenance_work_mem", "128MB",
            "autovacuum", "off");

    /**
     * Starts or connects to what there is to, and says so.
     *
     * @param resources closes it all
     * @throws IllegalStateException if a server can't be started here; the message says what to pass instead
     */
    static DemoBackends start(
            DatabaseOptions database, @Nullable String redisUrl, Resources resources, PrintWriter out) {
        PGSimpleDataSource connections = database.isGiven() ? database.dataSource() : ownDatabase(resources, out);
        String url = redisUrl == null ? ownRedis(resources, out) : redisUrl;
        HikariDataSource pool = pool(connections, POOL);
        resources.add(pool, pool);
        RedisClient redis = RedisClients.connected(url);
        return new DemoBackends(connections, pool, url, resources.add(redis, redis::shutdown));
    }

    /** A pool of so many connections; one of them is there already. */
    static HikariDataSource pool(DataSource connections, int size) {
        HikariConfig config = new HikariConfig();
        config.setPoolName("usage-demo");
        config.setDataSource(connections);
        config.setMaximumPoolSize(size);
        return new HikariDataSource(config);
    }

    private static PGSimpleDataSource ownDatabase(Resources resources, PrintWriter out) {
        PostgresServer server =
                start("PostgreSQL", "--jdbc-url jdbc:postgresql://...", () -> EmbeddedPostgresServer.start(THROW_AWAY));
        resources.add(server, server);
        out.println("PostgreSQL: " + server.jdbcUrl());
        return DatabaseOptions.connectingTo(server.jdbcUrl());
    }

    private static String ownRedis(Resources resources, PrintWriter out) {
        RedisServer server = start("Redis", "--redis-url redis://...", () -> EmbeddedRedisServer.start());
        resources.add(server, server);
        out.println("Redis: " + server.url());
        return server.url();
    }

    static <T> T start(String what, String instead, Supplier<T> server) {
        try {
            return server.get();
        } catch (RuntimeException e) {
            throw new IllegalStateException(
                    "no " + what + " of its own can be started on this machine; pass " + instead
                            + " of one that is running",
                    e);
        }
    }
}
