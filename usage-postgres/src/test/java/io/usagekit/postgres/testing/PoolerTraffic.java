package io.usagekit.postgres.testing;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** Short transactions of other clients of a pooler, so that the server's connections change hands all the time. */
public final class PoolerTraffic implements AutoCloseable {

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final AtomicLong transactions = new AtomicLong();
    private volatile boolean stopped;

    private PoolerTraffic() {}

    /** Starts as many clients. */
    public static PoolerTraffic start(String jdbcUrl, int clients) {
        PoolerTraffic traffic = new PoolerTraffic();
        for (int i = 0; i < clients; i++) {
            traffic.threads.execute(() -> traffic.run(jdbcUrl));
        }
        return traffic;
    }

    /** A pool of a host's; what it sets for a session would be left to other clients of the pooler. */
    public static HikariDataSource pool(String jdbcUrl, int size) {
        return pool(jdbcUrl, size, Duration.ofSeconds(30));
    }

    /** A pool that hands out a connection within this time, or fails; a change of a pool that has started would have no effect. */
    public static HikariDataSource pool(String jdbcUrl, int size, Duration connectionTimeout) {
        HikariConfig config = new HikariConfig();
        config.setConnectionTimeout(connectionTimeout.toMillis());
        config.setJdbcUrl(jdbcUrl);
        config.setMaximumPoolSize(size);
        return new HikariDataSource(config);
    }

    private void run(String jdbcUrl) {
        try (Connection connection = DriverManager.getConnection(jdbcUrl);
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            while (!stopped) {
                statement.execute("select pg_sleep(0.001)");
                connection.commit();
                transactions.incrementAndGet();
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    /** How many there were. */
    public long transactions() {
        return transactions.get();
    }

    @Override
    public void close() {
        stopped = true;
        threads.shutdown();
        try {
            if (!threads.awaitTermination(30, TimeUnit.SECONDS)) {
                throw new AssertionError("a client of the pooler didn't end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }
}
