package io.usagekit.clickhouse;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.clickhouse.jdbc.DataSourceImpl;
import io.usagekit.servers.ClickHouseCluster;
import io.usagekit.servers.EmbeddedClickHouseCluster;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A cluster for the tests of a suite, or for each test if it is a field of the instance, and databases with the tables of the adapter on all
 * of its shards. ClickHouse isn't published to Maven Central: a machine without it skips these suites, and says so. {@code .ci/run} installs
 * it, so that no change is merged without them.
 */
final class TestCluster implements BeforeAllCallback, BeforeEachCallback {

    private static final AtomicInteger DATABASES = new AtomicInteger();

    private final boolean own;
    private @Nullable ClickHouseCluster running;
    private ExtensionContext.@Nullable Store scope;

    private TestCluster(boolean own) {
        this.own = own;
    }

    /** The one that the environment names, or two shards. A database is dropped at the end of the test or suite that installs it. */
    static TestCluster shared() {
        return new TestCluster(false);
    }

    /** Two shards that the suite may kill. Databases end with them. */
    static TestCluster own() {
        return new TestCluster(true);
    }

    @Override
    public void beforeAll(ExtensionContext suite) {
        enter(suite);
    }

    @Override
    public void beforeEach(ExtensionContext test) {
        enter(test);
    }

    /** Starts the cluster unless the suite of a test has one. JUnit closes what a scope stores at its end, the last first. */
    private void enter(ExtensionContext context) {
        ExtensionContext.Store store = context.getStore(ExtensionContext.Namespace.create(this));
        scope = store;
        running = store.computeIfAbsent(
                ClickHouseCluster.class, key -> start(context.getRequiredTestClass()), ClickHouseCluster.class);
    }

    private ClickHouseCluster start(Class<?> suite) {
        boolean found = own ? ClickHouseCluster.isInstalled() : ClickHouseCluster.isAvailable();
        // A fresh machine has a JDK and Maven only, and no Maven repository has ClickHouse.
        assumeTrue(found, () -> ClickHouseCluster.announceSkipped(suite));
        return own ? EmbeddedClickHouseCluster.start(2) : ClickHouseCluster.start();
    }

    private ClickHouseCluster running() {
        return Objects.requireNonNull(running, "before the suite");
    }

    /** Its name in {@code system.clusters}. */
    String name() {
        return running().name();
    }

    /** JDBC URL of each shard. */
    List<String> jdbcUrls() {
        return running().jdbcUrls();
    }

    EmbeddedClickHouseCluster shards() {
        return (EmbeddedClickHouseCluster) running();
    }

    DataSource dataSource(int shard) {
        return dataSource(shard, new Properties());
    }

    /** With properties of the driver, such as {@code clickhouse_setting_limit}. */
    DataSource dataSource(int shard, Properties properties) {
        return new DataSourceImpl(jdbcUrls().get(shard), properties);
    }

    /** A new database with the tables. */
    String install() {
        String database = "usagekit_test_" + ProcessHandle.current().pid() + "_" + DATABASES.incrementAndGet();
        if (!own) {
            Objects.requireNonNull(scope, "before the suite").put(database, (AutoCloseable) () -> drop(database));
        }
        for (int shard = 0; shard < jdbcUrls().size(); shard++) {
            usage(dataSource(shard), database).install();
        }
        return database;
    }

    /** Through the first shard. */
    ClickHouseUsage usage(String database) {
        return usage(dataSource(0), database);
    }

    /** Through the first shard, by this clock. */
    ClickHouseUsage usage(String database, InstantSource clock) {
        return builder(dataSource(0), database).clock(clock).build();
    }

    ClickHouseUsage usage(DataSource dataSource, String database) {
        return builder(dataSource, database).build();
    }

    ClickHouseUsage.Builder builder(DataSource dataSource, String database) {
        return ClickHouseUsage.builder(dataSource).database(database).cluster(name());
    }

    /** Runs statements on one shard. */
    void execute(int shard, String... statements) {
        try (Connection connection = dataSource(shard).getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns the first column of what one shard returns, as text. */
    List<String> query(int shard, String sql) {
        try (Connection connection = dataSource(shard).getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            List<String> read = new ArrayList<>();
            while (rows.next()) {
                read.add(rows.getString(1));
            }
            return read;
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private void drop(String database) {
        for (int shard = 0; shard < jdbcUrls().size(); shard++) {
            execute(shard, "drop database if exists " + database);
        }
    }
}
