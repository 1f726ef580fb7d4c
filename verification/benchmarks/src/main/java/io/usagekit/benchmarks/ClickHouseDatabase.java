package io.usagekit.benchmarks;

import com.clickhouse.jdbc.DataSourceImpl;
import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageCalculator;
import io.usagekit.clickhouse.ClickHouseHistory;
import io.usagekit.clickhouse.ClickHouseUsage;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.spi.FeedRun;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.servers.EmbeddedClickHouseCluster;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Properties;
import javax.sql.DataSource;

/**
 * Roll-ups of so many days up to 2026-04-01 in a database of their own, and two shards with the same cells. The rolled hours are generated, and no
 * rows: the tables of events are empty.
 */
final class ClickHouseDatabase implements AutoCloseable {

    private static final TableMapping MAPPING = TableMapping.usagekit();
    private static final InstantSource CLOCK = InstantSource.fixed(Instant.parse("2026-04-02T00:00:00Z"));

    /** The n-th of 100 organisations has 20/n projects, at least one. */
    private static final String PROJECTS = """
            insert into usagekit.projects (id, organisation_id)
            select 'project-' || n || '-' || p, 'org-' || n
            from generate_series(1, 100) n, generate_series(1, greatest(1, 20 / n)) p
            """;

    /** Events around an organisation's mean, which falls as Zipf's law does, in equal shares of its projects; payloads of 8 KB or so. */
    private static final String HOURS = """
            insert into usagekit_rollups.rollup
            select project, bucket, volume, volume * (6000 + (random() * 4000)::bigint), 2 * volume,
                2 * volume * (6000 + (random() * 4000)::bigint), 0, 0
            from (
                select id as project, bucket,
                    floor(%s * ln((n + 1)::float8 / n) / ln(101) / greatest(1, 20 / n) * 2 * random() + random())::bigint
                        as volume
                from (select id, substr(organisation_id, 5)::integer as n from usagekit.projects) p,
                    generate_series(timestamptz '2026-04-01Z' - interval '%s days', '2026-03-31 23:00Z', '1 hour') bucket
            ) hours
            where volume > 0
            """;

    /** How many hours were shipped, how long that took, and the processor time of the feed with its session of PostgreSQL, and of the shards. */
    record Feed(long hours, double seconds, double feedSeconds, double shardSeconds) {}

    final String name;
    final PostgresRollups rollups;
    final UsageCalculator shards;
    final ClickHouseHistory history;
    final long events;
    final Feed feed;
    private final EmbeddedClickHouseCluster cluster;
    private final HikariDataSource pool;

    /** Generates the hours of so many days, and ships them. */
    ClickHouseDatabase(
            BenchmarkDatabase server, EmbeddedClickHouseCluster cluster, String name, int eventsADay, int days)
            throws SQLException {
        this.name = name;
        this.cluster = cluster;
        server.run("create database " + name);
        pool = server.poolOf(name);
        PostgresUsage.install(pool, MAPPING.schema());
        BenchmarkDatabase.run(pool, PROJECTS);
        rollups = rollups(pool);
        rollups.install();
        try (RollupWorker worker = rollups.worker().build()) {
            while (!worker.runOnce().finished()) {
                Thread.onSpinWait();
            }
        }
        BenchmarkDatabase.run(pool, HOURS.formatted(eventsADay / 24.0, days));
        events = number(pool, "select sum(received_volume) from usagekit_rollups.rollup");
        rollups.feed().install();
        BenchmarkDatabase.run(pool, "vacuum (analyze)");
        for (String url : cluster.jdbcUrls()) {
            clickHouse(url).install();
        }
        ClickHouseUsage clickHouse = clickHouse(cluster.jdbcUrls().get(0));
        try (HikariDataSource one = server.poolOf(name, 1)) {
            feed = ship(one, clickHouse);
        }
        BenchmarkDatabase.run(pool, "vacuum (analyze)");
        mergeParts();
        shards = clickHouse.calculator(rollups.feed());
        history = clickHouse.history(Duration.ofDays(1));
    }

    /** What each shard does by itself sooner or later. */
    private void mergeParts() throws SQLException {
        for (String url : cluster.jdbcUrls()) {
            for (String table : List.of("cell_local", "day_local", "project_local")) {
                BenchmarkDatabase.run(
                        new DataSourceImpl(url, new Properties()), "optimize table " + name + "." + table + " final");
            }
        }
    }

    private static PostgresRollups rollups(DataSource dataSource) {
        return PostgresRollups.builder(dataSource).mapping(MAPPING).clock(CLOCK).build();
    }

    private ClickHouseUsage clickHouse(String url) {
        return ClickHouseUsage.builder(new DataSourceImpl(url, new Properties()))
                .database(name)
                .cluster(cluster.name())
                .clock(CLOCK)
                .build();
    }

    /** By one session of PostgreSQL, whose processor time is known. */
    private static Feed ship(HikariDataSource one, ClickHouseUsage clickHouse) throws SQLException {
        ServerProcess postgres;
        try (Connection session = one.getConnection()) {
            postgres = ServerProcess.of(session);
        }
        double cpu = processSeconds() + postgres.micros() / 1e6;
        double shardCpu = shardSeconds();
        long began = System.nanoTime();
        long hours = 0;
        try (FeedWorker worker = rollups(one).feed().worker(clickHouse.store()).build()) {
            FeedRun run;
            do {
                run = worker.runOnce();
                hours += run.hours();
            } while (run.left());
        }
        return new Feed(
                hours,
                (System.nanoTime() - began) / 1e9,
                processSeconds() + postgres.micros() / 1e6 - cpu,
                shardSeconds() - shardCpu);
    }

    /** Processor time of this process. */
    private static double processSeconds() {
        return seconds(ProcessHandle.current());
    }

    /** Processor time of the shards, which are this process's children. */
    static double shardSeconds() {
        return ProcessHandle.current()
                .children()
                .mapToDouble(ClickHouseDatabase::seconds)
                .sum();
    }

    private static double seconds(ProcessHandle process) {
        return process.info().totalCpuDuration().orElse(Duration.ZERO).toNanos() / 1e9;
    }

    /** Octets on the disks of all shards, of all tables but watermarks. */
    long octets() throws SQLException {
        long octets = 0;
        for (String url : cluster.jdbcUrls()) {
            octets += number(
                    new DataSourceImpl(url, new Properties()),
                    "select sum(bytes_on_disk) from system.parts where active and database = '" + name + "'");
        }
        return octets;
    }

    private static long number(DataSource dataSource, String query) throws SQLException {
        try (Connection connection = dataSource.getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            row.next();
            return row.getLong(1);
        }
    }

    @Override
    public void close() {
        pool.close();
    }
}
