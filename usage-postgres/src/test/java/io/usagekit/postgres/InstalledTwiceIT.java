package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.testing.Database;
import io.usagekit.servers.EmbeddedPostgresServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Installs into schemas where everything is installed, on a server that logs each statement that defines something. */
class InstalledTwiceIT {

    @TempDir
    static Path logs;

    private static EmbeddedPostgresServer server;
    private static HikariDataSource pool;
    private int markers;

    @BeforeAll
    static void start() {
        server = EmbeddedPostgresServer.start(Map.of(
                "logging_collector", "on",
                "log_directory", logs.toString(),
                "log_filename", "statements",
                "log_statement", "ddl"));
        pool = Database.pool(server.jdbcUrl());
    }

    @AfterAll
    static void stop() {
        pool.close();
        server.close();
    }

    @Test
    void issuesNoDdl() throws Exception {
        String schema = "twice";
        TableMapping mapping = TableMapping.usagekit(schema);
        PostgresRollups rollups = PostgresRollups.of(pool, mapping);
        PostgresPartitions partitions = PostgresPartitions.of(pool, mapping);
        List<Runnable> installations = List.of(
                () -> PostgresUsage.install(pool, schema),
                () -> PostgresUsage.installIndexes(pool, mapping),
                () -> PostgresLedger.of(pool, schema).install(),
                rollups::install);

        installations.forEach(Runnable::run);
        String first = logged();
        assertThat(first)
                .as("the log of the first installation")
                .contains("create schema", "create table", "alter table", "create index concurrently", "The triggers");
        installations.forEach(Runnable::run);
        assertThat(logged()).as("the log of the second installation").isEmpty();

        partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        installations.forEach(Runnable::run);
        logged();
        installations.forEach(Runnable::run);
        partitions.createAhead();
        assertThat(logged())
                .as("the log of another installation, on partitioned tables")
                .isEmpty();

        partitions.unpartition(PartitionProgress.NONE);
        rollups.remove();
        logged();
        rollups.remove();
        assertThat(logged()).as("the log of the second removal").isEmpty();
    }

    /** Negative control: a statement that changes nothing. */
    @Test
    void detectsAStatementThatFindsItsObject() throws Exception {
        execute("create schema if not exists detected");
        logged();
        execute("create schema if not exists detected");
        assertThat(logged()).contains("create schema if not exists detected");
    }

    private static void execute(String sql) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** Returns the statements that were logged since the last call; marks the end of them by one of its own. */
    private String logged() throws Exception {
        String begin = markers == 0 ? "" : marker();
        markers++;
        String end = marker();
        execute(end);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!log().contains(end)) {
            assertThat(System.nanoTime()).as("the statement is logged").isLessThan(deadline);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
        }
        String log = log();
        String since = log.substring(log.indexOf(begin) + begin.length(), log.indexOf(end));
        return since.substring(0, since.lastIndexOf('\n') + 1)
                .lines()
                .filter(line -> line.contains("LOG:") && (line.contains("execute ") || line.contains("statement:")))
                .reduce("", (one, other) -> one + other + "\n");
    }

    private String marker() {
        return "create schema marker_" + System.identityHashCode(this) + "_" + markers;
    }

    private static String log() throws IOException {
        return Files.readString(logs.resolve("statements"));
    }
}
