package io.usagekit.postgres.testing;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import javax.sql.DataSource;

/** The server that all suites of one run share; each takes a schema of its own. */
public final class Database {

    private static final AtomicInteger NAMES = new AtomicInteger();

    private Database() {}

    private static final class Shared {
        private static final PostgresServer SERVER = PostgresServer.start();
        private static final HikariDataSource POOL = pool(SERVER.jdbcUrl());

        static {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                POOL.close();
                SERVER.close();
            }));
        }
    }

    public static DataSource pool() {
        return Shared.POOL;
    }

    public static String jdbcUrl() {
        return Shared.SERVER.jdbcUrl();
    }

    /** Returns another pool on the same server, with as many connections. */
    public static HikariDataSource newPool(int size) {
        HikariDataSource pool = pool(Shared.SERVER.jdbcUrl());
        pool.setMaximumPoolSize(size);
        return pool;
    }

    /** Returns another pool on the same server, with as many connections and these settings. */
    public static HikariDataSource newPool(int size, Consumer<HikariConfig> settings) {
        HikariConfig config = config(Shared.SERVER.jdbcUrl());
        config.setMaximumPoolSize(size);
        settings.accept(config);
        return new HikariDataSource(config);
    }

    public static HikariDataSource pool(String jdbcUrl) {
        return new HikariDataSource(config(jdbcUrl));
    }

    private static HikariConfig config(String jdbcUrl) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(jdbcUrl);
        config.setMaximumPoolSize(8);
        // A session in an odd zone: no figure may depend on it.
        config.setConnectionInitSql("set time zone 'Pacific/Apia'");
        return config;
    }

    static String newName(String base) {
        return base + "_" + ProcessHandle.current().pid() + "_" + NAMES.incrementAndGet();
    }

    /** Returns a name that no schema has yet. */
    public static String newSchema(String base) {
        String schema = newName(base);
        execute("drop schema if exists " + Identifiers.quote(schema) + " cascade");
        return schema;
    }

    public static void dropSchema(String schema) {
        execute("drop schema if exists " + Identifiers.quote(schema) + " cascade");
    }

    public static void execute(String... statements) {
        try (Connection connection = pool().getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    /** Returns one value, as text; values are bound as text without a type. */
    public static String query(String sql, String... values) {
        return String.join(",", column(sql, values));
    }

    /** Returns the first column, as text. */
    public static List<String> column(String sql, String... values) {
        try (Connection connection = pool().getConnection();
                PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) {
                statement.setObject(i + 1, values[i], java.sql.Types.OTHER);
            }
            List<String> answer = new ArrayList<>();
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    answer.add(String.valueOf(row.getString(1)));
                }
            }
            return answer;
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    /**
     * Returns once another session waits for a lock of this one's transaction.
     *
     * @throws AssertionError if none does for half a minute
     */
    public static void awaitASessionThatWaitsFor(Connection holder) throws SQLException {
        String pid;
        try (Statement statement = holder.createStatement();
                ResultSet row = statement.executeQuery("select pg_backend_pid()")) {
            row.next();
            pid = row.getString(1);
        }
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (query("select count(*) from pg_stat_activity where ?::int = any (pg_blocking_pids(pid))", pid)
                .equals("0")) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("no session waits for that of the process " + pid);
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
        }
    }
}
