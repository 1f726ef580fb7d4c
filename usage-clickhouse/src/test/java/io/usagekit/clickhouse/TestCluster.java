package io.usagekit.clickhouse;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.clickhouse.jdbc.DataSourceImpl;
import io.usagekit.servers.ClickHouseCluster;
import io.usagekit.servers.EmbeddedClickHouseCluster;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;

/**
 * A cluster, and the tables of the adapter in databases of their own on all of its shards. ClickHouse isn't published to Maven Central: a
 * machine without it skips these suites, and says so. {@code .ci/run} installs it, so that no change is merged without them.
 */
record TestCluster(ClickHouseCluster cluster) implements AutoCloseable {

    private static final AtomicInteger DATABASES = new AtomicInteger();

    /** The one that the environment names, or two shards; skips the suite where there are none. */
    static TestCluster start(Class<?> suite) {
        assumeTrue(ClickHouseCluster.isAvailable(), () -> ClickHouseCluster.announceSkipped(suite));
        return new TestCluster(ClickHouseCluster.start());
    }

    /** Two shards that the suite may kill; skips the suite where there is no library to start them from. */
    static TestCluster startOwn(Class<?> suite) {
        assumeTrue(ClickHouseCluster.isInstalled(), () -> ClickHouseCluster.announceSkipped(suite));
        return new TestCluster(EmbeddedClickHouseCluster.start(2));
    }

    EmbeddedClickHouseCluster shards() {
        return (EmbeddedClickHouseCluster) cluster;
    }

    DataSource dataSource(int shard) {
        return dataSource(shard, new Properties());
    }

    /** With properties of the driver, such as {@code clickhouse_setting_limit}. */
    DataSource dataSource(int shard, Properties properties) {
        return new DataSourceImpl(cluster.jdbcUrls().get(shard), properties);
    }

    /** A new database with the tables. */
    String install() {
        String database = "usagekit_test_" + ProcessHandle.current().pid() + "_" + DATABASES.incrementAndGet();
        for (int shard = 0; shard < cluster.jdbcUrls().size(); shard++) {
            usage(shard, database).install();
        }
        return database;
    }

    /** Through the first shard. */
    ClickHouseUsage usage(String database) {
        return usage(0, database);
    }

    private ClickHouseUsage usage(int shard, String database) {
        return usage(dataSource(shard), database);
    }

    ClickHouseUsage usage(DataSource dataSource, String database) {
        return ClickHouseUsage.builder(dataSource)
                .database(database)
                .cluster(cluster.name())
                .build();
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

    void drop(String database) {
        for (int shard = 0; shard < cluster.jdbcUrls().size(); shard++) {
            execute(shard, "drop database if exists " + database);
        }
    }

    @Override
    public void close() {
        cluster.close();
    }
}
