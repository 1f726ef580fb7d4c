package io.usagekit.cli.demo;

import com.clickhouse.jdbc.DataSourceImpl;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.cli.support.Failures;
import io.usagekit.cli.support.Resources;
import io.usagekit.cli.support.UsageTables;
import io.usagekit.clickhouse.ClickHouseUsage;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.FeedRun;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.servers.ClickHouseCluster;
import io.usagekit.servers.EmbeddedClickHouseCluster;
import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Properties;

/**
 * The month of an organisation from roll-ups and from two ClickHouse shards; and what a caller receives when a shard is killed, and when it has
 * lost its cells.
 */
final class DemoClickHouse implements CellReadListener {

    private static final int SHARDS = 2;

    /** Of an error: ClickHouse's go on with what each attempt said. */
    private static final int MESSAGE_LENGTH = 140;

    private static final Duration PATIENCE = Duration.ofMinutes(1);

    /** Longer than clocks differ: the feed has just run. */
    private static final Duration MAX_LAG = Duration.ofDays(1);

    /** A figure, where it comes from, and how long each call took, in nanoseconds. */
    private record Source(String name, UsageCalculator calculator, OrganisationUsage figure, List<Long> times) {

        static Source of(String name, UsageCalculator calculator, UsageKey key) {
            return new Source(name, calculator, calculator.calculate(key, PATIENCE), new ArrayList<>());
        }

        void measure(UsageKey key) {
            long began = System.nanoTime();
            calculator.calculate(key, PATIENCE);
            times.add(System.nanoTime() - began);
        }

        double median() {
            return millis(times.stream().sorted().toList().get(times.size() / 2));
        }
    }

    private final EmbeddedClickHouseCluster cluster;
    private final PostgresRollups rollups;
    private final UsageKey key;
    private final PrintWriter out;
    private long daysFromCells;
    private List<ProjectDays> refused = List.of();

    private DemoClickHouse(EmbeddedClickHouseCluster cluster, PostgresRollups rollups, UsageKey key, PrintWriter out) {
        this.cluster = cluster;
        this.rollups = rollups;
        this.key = key;
        this.out = out;
    }

    /**
     * Does nothing if two shards can be started on this machine.
     *
     * @throws IllegalStateException if not; the message says how to install what is missing
     */
    static void requireInstalled() {
        if (!ClickHouseCluster.isInstalled()) {
            throw new IllegalStateException(ClickHouseCluster.missing());
        }
    }

    /**
     * Starts two shards, ships all that is rolled, and prints the figures, the error and the answer; then the shards are stopped.
     *
     * @throws IllegalStateException if two figures differ, or a shard doesn't start
     */
    static void show(PostgresRollups rollups, UsageKey key, Resources resources, PrintWriter out) throws SQLException {
        try (EmbeddedClickHouseCluster cluster = EmbeddedClickHouseCluster.start(SHARDS)) {
            resources.add(cluster, cluster);
            new DemoClickHouse(cluster, rollups, key, out).show();
        }
    }

    private void show() throws SQLException {
        for (int shard = 0; shard < SHARDS; shard++) {
            clickHouse(shard).install();
        }
        RollupFeed feed = rollups.feed();
        feed.install();
        feed.reshipAll(); // These shards are new, also where the feed isn't.
        long began = System.nanoTime();
        long hours = ship(0);
        out.println();
        out.printf(
                Locale.ROOT,
                "The same month from two ClickHouse shards, to which %,d hours were shipped in %.1f s:%n",
                hours,
                millis(System.nanoTime() - began) / 1_000);
        compare();
        int shard = shardWithMostCells();
        killAndAsk(shard);
        loseAndAsk(shard);
    }

    /** Through one of the shards. */
    private ClickHouseUsage clickHouse(int shard) {
        return ClickHouseUsage.builder(dataSource(shard))
                .cluster(cluster.name())
                .build();
    }

    private DataSourceImpl dataSource(int shard) {
        return new DataSourceImpl(cluster.jdbcUrls().get(shard), new Properties());
    }

    /** Ships all that is to be, and returns how many hours that were. */
    private long ship(int shard) {
        long hours = 0;
        try (FeedWorker worker =
                rollups.feed().worker(clickHouse(shard).store()).build()) {
            FeedRun run;
            do {
                run = worker.runOnce();
                hours += run.hours();
            } while (run.left());
        }
        return hours;
    }

    private UsageCalculator calculator(int shard) {
        return clickHouse(shard).calculator(rollups.feed(), this);
    }

    @Override
    public void fromCells(UsageKey key, long days) {
        daysFromCells = days;
    }

    @Override
    public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
        refused = days;
    }

    private void compare() throws SQLException {
        List<Source> sources = List.of(
                Source.of("roll-ups", rollups.calculator(), key),
                Source.of("shards, proved by PostgreSQL", calculator(0), key),
                Source.of("shards alone", clickHouse(0).history(MAX_LAG), key));
        for (Source source : sources) {
            requireEqual(sources.get(0).figure(), source.figure());
        }
        for (int i = 0; i < DemoRollups.RUNS; i++) {
            sources.forEach(source -> source.measure(key));
        }
        out.println(UsageTables.table(
                sources,
                UsageTables.name("figure from").with(Source::name),
                UsageTables.number(
                        "events received", source -> source.figure().received().volume()),
                UsageTables.number(
                        "bytes received", source -> source.figure().received().bytes()),
                UsageTables.number(
                        "deliveries sent", source -> source.figure().sent().volume()),
                UsageTables.number(
                        "bytes sent", source -> source.figure().sent().bytes()),
                UsageTables.number("ms, median of " + DemoRollups.RUNS)
                        .with(source -> String.format(Locale.ROOT, "%,.2f", source.median()))));
        long cells = 0;
        long octets = 0;
        for (int shard = 0; shard < SHARDS; shard++) {
            cells += number(shard, "select sum(rows) from system.parts where active and table = 'cell_local'");
            octets += number(
                    shard, "select sum(data_compressed_bytes) from system.parts where active and table = 'cell_local'");
        }
        out.printf(
                Locale.ROOT,
                "%,d days of its projects are read from the shards, whose %,d cells take %,d KB.%n",
                daysFromCells,
                cells,
                octets / 1_000);
        out.flush();
    }

    private static void requireEqual(OrganisationUsage expected, OrganisationUsage figure) {
        if (!figure.received().equals(expected.received()) || !figure.sent().equals(expected.sent())) {
            throw new IllegalStateException("roll-ups say " + expected + ", ClickHouse says " + figure);
        }
    }

    /** The one that has most cells of the organisation, whose id its projects' ids begin with. */
    private int shardWithMostCells() throws SQLException {
        String cells =
                "select count() from usagekit.cell_local where startsWith(project, '" + key.organisationId() + "-')";
        return number(0, cells) < number(1, cells) ? 1 : 0;
    }

    private static int other(int shard) {
        return 1 - shard;
    }

    /** The other shard is asked, and says that this one can't be. */
    private void killAndAsk(int shard) {
        cluster.kill(shard);
        out.println();
        out.println("Shard " + (shard + 1) + " is killed (kill -9):");
        print("shards", calculator(other(shard)));
        print("roll-ups", rollups.calculator());
        out.flush();
    }

    /** It is back with fewer cells than PostgreSQL's manifest has. */
    private void loseAndAsk(int shard) throws SQLException {
        cluster.restart(shard);
        execute(shard, "truncate table usagekit.cell_local");
        out.println();
        out.println("Shard " + (shard + 1) + " is back without its cells:");
        print("shards", calculator(other(shard)));
        if (refused.isEmpty()) {
            throw new IllegalStateException("cells were lost, and the figure was computed with what was left");
        }
        out.printf(
                Locale.ROOT,
                "  by roll-ups, since cells of %d %s are missing by the versions in PostgreSQL; %,d hours are shipped again%n",
                refused.size(),
                refused.size() == 1 ? "project" : "projects",
                ship(other(shard)));
        print("shards", calculator(other(shard)));
        out.flush();
    }

    /** What a caller receives, and after how long. */
    private void print(String source, UsageCalculator calculator) {
        long began = System.nanoTime();
        String answer = answer(calculator);
        out.printf(Locale.ROOT, "  %s, after %.2f ms: %s%n", source, millis(System.nanoTime() - began), answer);
    }

    private String answer(UsageCalculator calculator) {
        try {
            OrganisationUsage figure = calculator.calculate(key, PATIENCE);
            return UsageTables.grouped(figure.received().bytes()) + " bytes received, "
                    + UsageTables.grouped(figure.sent().bytes()) + " sent";
        } catch (UsageCalculationException e) {
            String message = Failures.describe(e);
            return e.getClass().getSimpleName()
                    + (e.isTransient() ? ", transient: " : ", permanent: ")
                    + message.substring(0, Math.min(MESSAGE_LENGTH, message.length()))
                            .strip();
        }
    }

    private long number(int shard, String sql) throws SQLException {
        try (Connection connection = dataSource(shard).getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getLong(1);
        }
    }

    private void execute(int shard, String sql) throws SQLException {
        try (Connection connection = dataSource(shard).getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static double millis(long nanos) {
        return nanos / 1e6;
    }
}
