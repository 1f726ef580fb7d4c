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
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.FeedRun;
import io.usagekit.postgres.rollups.spi.FeedStatus;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.servers.PostgresServer;
import io.usagekit.testkit.ManualClock;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.LocalDate;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Cycles that end at each of their points, since the feeder's session or a shard is killed: figures are exact afterwards, and the next run of a
 * worker ships what was left.
 */
@Tag("thorough")
class ClickHouseCrashIT {

    private static final String SCHEMA = "clickhouse_crash";
    private static final UsageKey MARCH = new UsageKey("o", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final String FEEDER = "usagekit-crash-feeder";

    /** The calls of a cycle in their order. */
    private static final List<String> CALLS =
            List.of("highestVersion", "insertCells", "insertDays", "insertProjects", "publish");

    private static TestCluster cluster;
    private static ClickHouseUsage clickHouse;
    private static PostgresServer postgres;
    private static PostgresRollups rollups;
    private static int projects;

    private final List<List<ProjectDays>> refused = new ArrayList<>();
    private long daysFromCells;

    @BeforeAll
    static void start() {
        cluster = TestCluster.startOwn(ClickHouseCrashIT.class);
        clickHouse = cluster.usage(cluster.install());
        postgres = PostgresServer.start();
        for (String suffix : List.of("", "_rollups", "_rollups_feed")) {
            execute("drop schema if exists " + SCHEMA + suffix + " cascade");
        }
        PostgresUsage.install(postgres.dataSource(), SCHEMA);
        rollups = PostgresRollups.builder(postgres.dataSource())
                .mapping(TableMapping.usagekit(SCHEMA))
                .clock(ManualClock.at("2026-04-02T12:00:00Z"))
                .build();
        rollups.install();
        rollups.feed().install();
        projects = 0;
    }

    @AfterAll
    static void stop() {
        if (cluster != null) {
            List<ProjectDays> differing = new ArrayList<>();
            rollups.feed().verify(clickHouse.reader(), TIMEOUT, differing::add);
            cluster.close();
            postgres.close();
            assertThat(differing).isEmpty();
        }
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
        try (RollupWorker worker = rollups.worker().settle(Duration.ZERO).build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
        assertThat(status().hoursToShip()).isEqualTo(2);
    }

    private static FeedStatus status() {
        return rollups.feed().status(TIMEOUT).orElseThrow();
    }

    private static Stream<Arguments> points() {
        return CALLS.stream().flatMap(call -> Stream.of(true, false).map(before -> Arguments.of(call, before)));
    }

    /** The store, on which an action runs before or after one of the calls. */
    private static CellStore store(String call, boolean before, Runnable action) {
        CellStore store = clickHouse.store();
        return proxy(CellStore.class, (proxy, method, values) -> {
            boolean isPoint = method.getName().equals(call);
            if (isPoint && before) {
                action.run();
            }
            Object result = invoke(store, method, values);
            if (isPoint && !before) {
                action.run();
            }
            return result;
        });
    }

    /** A feed whose sessions can be told from others. */
    private static RollupFeed feed() {
        DataSource dataSource = postgres.dataSource();
        DataSource named = proxy(DataSource.class, (proxy, method, values) -> {
            Object result = invoke(dataSource, method, values);
            if (result instanceof Connection connection) {
                connection.setClientInfo("ApplicationName", FEEDER);
            }
            return result;
        });
        return PostgresRollups.of(named, TableMapping.usagekit(SCHEMA)).feed();
    }

    private static <T> T proxy(Class<T> type, InvocationHandler handler) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
    }

    private static @Nullable Object invoke(Object target, Method method, Object @Nullable [] values) throws Throwable {
        try {
            return method.invoke(target, values);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private static void killFeeder() {
        execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = '" + FEEDER + "'");
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

    private OrganisationUsage figure() {
        return clickHouse
                .calculator(rollups.feed(), new CellReadListener() {
                    @Override
                    public void fromCells(UsageKey key, long days) {
                        daysFromCells = days;
                    }

                    @Override
                    public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
                        refused.add(days);
                    }
                })
                .calculate(MARCH, TIMEOUT);
    }

    private void assertExact() {
        OrganisationUsage figure = figure();
        assertThat(figure.received()).isEqualTo(new UsageMetrics(projects, 7L * projects));
        assertThat(refused).as("reads that weren't believed").isEmpty();
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
        assertThat(daysFromCells).isEqualTo(31L * projects);
    }

    @ParameterizedTest
    @MethodSource("points")
    void isExactAfterTheFeedersSessionWasKilled(String call, boolean before) {
        assertThatThrownBy(() -> feed().ship(store(call, before, ClickHouseCrashIT::killFeeder), 1_000, TIMEOUT))
                .isInstanceOf(UsageStorageException.class);

        assertThat(status().hoursToShip()).isEqualTo(2);
        assertExact();
        assertGoesOn();
    }

    @ParameterizedTest
    @CsvSource({"highestVersion, 0", "insertCells, 1", "insertProjects, 0", "publish, 1"})
    void isExactAfterAShardWasKilled(String call, int shard) {
        assertThatThrownBy(() -> rollups.feed()
                        .ship(store(call, true, () -> cluster.shards().kill(shard)), 1_000, TIMEOUT))
                .isInstanceOf(UsageStorageException.class);
        try {
            assertThat(status().hoursToShip()).isEqualTo(2);
            assertExactOrAnError();
        } finally {
            cluster.shards().restart(shard);
        }
        assertExact();
        assertGoesOn();
    }

    private void assertExactOrAnError() {
        try {
            assertThat(figure().received().volume()).isEqualTo(projects);
        } catch (UsageCalculationException e) {
            assertThat(e.isTransient()).isTrue();
        }
        assertThat(refused).isEmpty();
    }

    /** Two years of a project's hours take a while to be inserted, and the shard is killed within it, or just before or after. */
    @ParameterizedTest
    @CsvSource({"0", "1"})
    void isExactAfterAShardWasKilledWhileItInserts(int shard) {
        long millis = new Random().nextInt(100);
        String project = "p-" + projects;
        rollups.feed().reship(List.of(new ProjectDays(project, LocalDate.of(2024, 4, 1), LocalDate.of(2026, 4, 1))));
        List<CompletableFuture<Void>> kill = new ArrayList<>();
        CellStore store = store(
                "insertCells",
                true,
                () -> kill.add(CompletableFuture.runAsync(
                        () -> cluster.shards().kill(shard),
                        CompletableFuture.delayedExecutor(millis, TimeUnit.MILLISECONDS))));
        boolean shipped;
        try {
            shipped = rollups.feed().ship(store, 100_000, TIMEOUT).isPresent();
        } catch (UsageStorageException e) {
            shipped = false;
        }
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
            assertThat(daysFromCells).isEqualTo(31L * projects);
        }
    }
}
