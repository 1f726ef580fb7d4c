package io.usagekit.clickhouse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.FeedRun;
import io.usagekit.postgres.rollups.spi.FeedStatus;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.testkit.ManualClock;
import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.LocalDate;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Cycles that end at each of their points, since the feeder's session or process, PostgreSQL or a shard is killed, or a shard stalls: figures are
 * exact afterwards, and the next run of a worker ships what was left. Some points outside of {@code -Pthorough}, all in it.
 */
class ClickHouseCrashIT {

    private static final String SCHEMA = "clickhouse_crash";
    private static final UsageKey MARCH = new UsageKey("o", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final String FEEDER = "usagekit-crash-feeder";
    private static final ManualClock CLOCK = ManualClock.at("2026-04-02T12:00:00Z");

    @RegisterExtension
    private static final TestCluster cluster = TestCluster.own();

    private static String database;
    private static ClickHouseUsage clickHouse;
    private static EmbeddedPostgresServer postgres;
    private static PostgresRollups rollups;
    private static int projects;

    private final CellReads reads = new CellReads();

    @BeforeAll
    static void start() {
        database = cluster.install();
        clickHouse = clickHouse(new Properties(), ClickHouseUsage.DEFAULT_TIMEOUT);
        postgres = EmbeddedPostgresServer.start();
        PostgresUsage.install(postgres.dataSource(), SCHEMA);
        rollups = rollups(postgres.dataSource());
        rollups.install();
        rollups.feed().install();
        projects = 0;
    }

    @AfterAll
    static void stop() {
        List<ProjectDays> differing = new ArrayList<>();
        rollups.feed().verify(clickHouse.reader(), TIMEOUT, differing::add);
        postgres.close();
        assertThat(differing).isEmpty();
    }

    /** Through the first shard, with properties of the driver. */
    private static ClickHouseUsage clickHouse(Properties properties, Duration timeout) {
        return cluster.builder(cluster.dataSource(0, properties), database)
                .timeout(timeout)
                .clock(CLOCK)
                .build();
    }

    private static PostgresRollups rollups(DataSource dataSource) {
        return PostgresRollups.builder(dataSource)
                .mapping(TableMapping.usagekit(SCHEMA))
                .clock(CLOCK)
                .build();
    }

    private static void execute(String sql) {
        try (Connection connection = postgres.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Rolls two new projects with an event each: so a cycle has cells, days and projects, of both shards sooner or later. */
    @BeforeEach
    void change() {
        for (int i = 0; i < 2; i++) {
            int project = ++projects;
            execute("insert into " + SCHEMA + ".projects (id, organisation_id) values ('p-" + project + "', 'o');"
                    + "insert into " + SCHEMA + ".events (id, project_id, raw, created_at) values ('e-" + project
                    + "', 'p-" + project + "', 'seven b', '2026-03-17T09:10:00Z')");
        }
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
        assertThat(status().hoursToShip()).isEqualTo(2);
    }

    private static FeedStatus status() {
        return rollups.feed().status(TIMEOUT).orElseThrow();
    }

    /** As many of these as this, at random; all in {@code -Pthorough}. */
    private static <T> Stream<T> some(int size, List<T> all) {
        List<T> shuffled = new ArrayList<>(all);
        Collections.shuffle(shuffled, new Random());
        return Boolean.getBoolean("usagekit.thorough")
                ? all.stream()
                : shuffled.stream().limit(size);
    }

    private static Stream<CyclePoint> somePoints() {
        return some(1, CyclePoint.all());
    }

    /** Without those between two calls that differ by statements of a transaction which doesn't commit. */
    private static Stream<CyclePoint> someStates() {
        List<CyclePoint> points = CyclePoint.all();
        return some(
                1,
                points.stream()
                        .filter(point -> !point.before() || point.equals(points.get(0)))
                        .toList());
    }

    /** Each point with one of the shards. */
    private static Stream<Arguments> somePointsAndShards() {
        List<CyclePoint> points = CyclePoint.all();
        int first = new Random().nextInt(2);
        return some(
                1,
                IntStream.range(0, points.size())
                        .mapToObj(i -> Arguments.of(points.get(i), (first + i) % 2))
                        .toList());
    }

    /** A feed whose sessions have names of their own. */
    private static RollupFeed feed() {
        DataSource dataSource = postgres.dataSource();
        return rollups(CyclePoint.proxy(DataSource.class, (proxy, method, values) -> {
                    Object result = CyclePoint.invoke(dataSource, method, values);
                    if (result instanceof Connection connection) {
                        connection.setClientInfo("ApplicationName", FEEDER);
                    }
                    return result;
                }))
                .feed();
    }

    private static void killFeeder() {
        execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = '" + FEEDER + "'");
        awaitNoFeeder();
    }

    private static void awaitNoFeeder() {
        awaitTrue("the feeder's session ended", () -> {
            try (Connection connection = postgres.dataSource().getConnection();
                    Statement statement = connection.createStatement();
                    var row = statement.executeQuery(
                            "select count(*) from pg_stat_activity where application_name = '" + FEEDER + "'")) {
                row.next();
                return row.getLong(1) == 0;
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    private static void awaitTrue(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
        }
    }

    private OrganisationUsage figure(Duration timeout, ClickHouseUsage from) {
        return from.calculator(rollups.feed(), reads).calculate(MARCH, timeout);
    }

    private void assertExact() {
        OrganisationUsage figure = figure(TIMEOUT, clickHouse);
        assertThat(figure.received()).isEqualTo(new UsageMetrics(projects, 7L * projects));
        assertThat(reads.refused).as("reads that weren't believed").isEmpty();
    }

    /** History has a state that was complete, or none yet: before the last change, or where its cycle failed to commit, after it. */
    private static void assertHistoryIsAState() {
        try {
            assertThat(history()).isIn(projects - 2L, (long) projects);
        } catch (UsageCalculationException e) {
            assertThat(e.isTransient()).isTrue();
        }
    }

    private static long history() {
        return clickHouse
                .history(Duration.ofDays(1))
                .calculate(MARCH, TIMEOUT)
                .received()
                .volume();
    }

    /** The next run ships everything, and all of March is read from ClickHouse. */
    private void assertGoesOn() {
        FeedRun run;
        try (FeedWorker worker = rollups.feed().worker(clickHouse.store()).build()) {
            run = worker.runOnce();
        }
        assertThat(run.complete()).isTrue();
        assertThat(status().hoursToShip()).isZero();
        assertExact();
        assertThat(reads.daysFromCells).isEqualTo(31L * projects);
        assertThat(history()).isEqualTo(projects);
    }

    @ParameterizedTest
    @MethodSource("somePoints")
    void isExactAfterTheFeedersSessionWasKilled(CyclePoint point) {
        assertThatThrownBy(
                        () -> feed().ship(point.on(clickHouse.store(), ClickHouseCrashIT::killFeeder), 1_000, TIMEOUT))
                .isInstanceOf(UsageStorageException.class);

        assertIsLeftToShip();
        assertGoesOn();
    }

    private void assertIsLeftToShip() {
        assertThat(status().hoursToShip()).isEqualTo(2);
        assertExact();
        assertHistoryIsAState();
    }

    @ParameterizedTest
    @MethodSource("someStates")
    void isExactAfterTheFeedersProcessWasKilled(CyclePoint point) throws IOException {
        FeederProcess.runAndKill(
                postgres.jdbcUrl() + "&ApplicationName=" + FEEDER,
                SCHEMA,
                cluster.jdbcUrls().get(0),
                database,
                cluster.name(),
                point.toString());
        awaitNoFeeder();

        assertIsLeftToShip();
        assertGoesOn();
    }

    @ParameterizedTest
    @MethodSource("someStates")
    void isExactAfterPostgresWasKilled(CyclePoint point) {
        assertThatThrownBy(() -> rollups.feed().ship(point.on(clickHouse.store(), postgres::kill), 1_000, TIMEOUT))
                .isInstanceOf(UsageStorageException.class);
        postgres.restart();

        assertIsLeftToShip();
        assertGoesOn();
    }

    @ParameterizedTest
    @MethodSource("somePointsAndShards")
    void isExactAfterAShardWasKilled(CyclePoint point, int shard) {
        boolean shipped =
                ships(point.on(clickHouse.store(), () -> cluster.shards().kill(shard)), 1_000);
        assertThat(shipped).isEqualTo(point.equals(new CyclePoint("publish", false)));
        try {
            assertThat(status().hoursToShip()).isEqualTo(shipped ? 0 : 2);
            assertExactOrAnError();
        } finally {
            cluster.shards().restart(shard);
        }
        assertExact();
        assertGoesOn();
    }

    private static boolean ships(CellStore store, int maxHours) {
        try {
            return rollups.feed().ship(store, maxHours, TIMEOUT).isPresent();
        } catch (UsageStorageException e) {
            assertThat(e.isTransient()).isTrue();
            return false;
        }
    }

    /** Cycles and reads end with an error by the time of their statements. */
    @Tag("thorough")
    @ParameterizedTest
    @CsvSource({"insertCells, 0", "publish, 1"})
    void isExactAfterAShardHasStalled(String call, int shard) {
        assertGoesOn(); // so that reads ask the shards
        change();
        Duration limit = Duration.ofSeconds(1);
        Properties properties = new Properties();
        properties.setProperty("connection_timeout", "2000");
        properties.setProperty("socket_timeout", "2000");
        ClickHouseUsage impatient = clickHouse(properties, limit);
        CyclePoint point = new CyclePoint(call, true);
        try {
            assertThat(ships(point.on(impatient.store(), () -> cluster.shards().pause(shard)), 1_000))
                    .isFalse();
            assertThat(status().hoursToShip()).isEqualTo(2);
            cluster.shards().pause(shard); // also where an earlier call was slow
            assertThatThrownBy(() -> figure(limit, impatient))
                    .isInstanceOfSatisfying(
                            UsageCalculationException.class,
                            e -> assertThat(e.isTransient()).isTrue());
        } finally {
            // The embedded engine may end a moment after a query was given up.
            for (int each = 0; each < 2; each++) {
                cluster.shards().kill(each);
                cluster.shards().restart(each);
            }
        }
        assertExact();
        assertGoesOn();
    }

    private void assertExactOrAnError() {
        try {
            assertThat(figure(TIMEOUT, clickHouse).received().volume()).isEqualTo(projects);
        } catch (UsageCalculationException e) {
            assertThat(e.isTransient()).isTrue();
        }
        assertThat(reads.refused).isEmpty();
    }

    /** Two years of a project's hours take a while to be inserted, and the shard is killed within it, or just before or after. */
    @Tag("thorough")
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void isExactAfterAShardWasKilledWhileItInserts(int shard) {
        long millis = new Random().nextInt(100);
        String project = "p-" + projects;
        rollups.feed().reship(List.of(new ProjectDays(project, LocalDate.of(2024, 4, 1), LocalDate.of(2026, 4, 1))));
        List<CompletableFuture<Void>> kill = new ArrayList<>();
        CellStore store = new CyclePoint("insertCells", true)
                .on(
                        clickHouse.store(),
                        () -> kill.add(CompletableFuture.runAsync(
                                () -> cluster.shards().kill(shard),
                                CompletableFuture.delayedExecutor(millis, TimeUnit.MILLISECONDS))));
        boolean shipped = ships(store, 100_000);
        kill.get(0).join();
        try {
            assertThat(status().hoursToShip() == 0).isEqualTo(shipped);
            assertExactOrAnError();
        } finally {
            cluster.shards().restart(shard);
        }
        assertExact();
        assertGoesOn();
    }

    @Tag("thorough")
    @Test
    void goesOnByItselfWhenAShardIsBack() {
        try (FeedWorker worker = rollups.feed().worker(clickHouse.store()).build()) {
            cluster.shards().kill(1);
            try {
                worker.start(Duration.ofMillis(50));
                awaitTrue(
                        "a run failed",
                        () -> worker.lastRun()
                                .flatMap(FeedWorker.LastRun::failure)
                                .isPresent());
                assertThat(status().oldestToShip()).isPresent();
            } finally {
                cluster.shards().restart(1);
            }
            awaitTrue("everything is shipped", () -> status().hoursToShip() == 0);
            assertExact();
            assertThat(reads.daysFromCells).isEqualTo(31L * projects);
        }
    }
}
