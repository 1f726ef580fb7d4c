package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageMetrics;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Sample;
import io.usagekit.servers.EmbeddedPostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The worker's session is terminated, or the whole server killed, at each point of each step: figures are exact afterwards, and the
 * next run does the rest of the work.
 */
class RollupCrashIT {

    private static EmbeddedPostgresServer server;
    private static RollupFixture fixture;
    private static HikariDataSource workersPool;
    private static int rounds;

    @BeforeAll
    static void start() {
        server = EmbeddedPostgresServer.start();
        workersPool = Database.pool(server.jdbcUrl() + "&ApplicationName=worker");
        workersPool.setMaximumPoolSize(1);
        fixture = RollupFixture.rolled(server.dataSource(), "crash");
        // Orphans, which the step that marks late events looks at, are known after a run.
        makeWork();
        fixture.runWorker();
    }

    @AfterAll
    static void stop() {
        workersPool.close();
        server.close();
    }

    static Stream<Arguments> points() {
        List<RollupTransactions.Point> waits = List.of(
                RollupTransactions.Point.PUBLISHED,
                RollupTransactions.Point.WRITERS_LISTED,
                RollupTransactions.Point.WRITERS_ENDED);
        List<RollupTransactions.Point> ends = List.of(
                RollupTransactions.Point.STARTED,
                RollupTransactions.Point.BEFORE_COMMIT,
                RollupTransactions.Point.COMMITTED);
        return Arrays.stream(RollupTransactions.Step.values())
                .filter(step -> step != RollupTransactions.Step.RESET
                        && step != RollupTransactions.Step.FOLLOW_PARTITIONS) // the tables have none
                .flatMap(step -> Arrays.stream(RollupTransactions.Point.values())
                        .filter(point -> step == RollupTransactions.Step.ADVANCE || !waits.contains(point))
                        .filter(point -> step != RollupTransactions.Step.MARK_CHANGED_DELIVERIES
                                || ends.contains(point)
                                || point == RollupTransactions.Point.CHOSEN)
                        .filter(point ->
                                !List.of(RollupTransactions.Step.ADD_PROJECTS, RollupTransactions.Step.MARK_LATE_EVENTS)
                                                .contains(step)
                                        || ends.contains(point))
                        .map(point -> Arguments.of(step, point)));
    }

    static Stream<Arguments> somePoints() {
        return Sample.of(points().toList(), 5);
    }

    @ParameterizedTest
    @MethodSource("somePoints")
    void staysExactWhenWorkersSessionIsTerminated(RollupTransactions.Step step, RollupTransactions.Point at) {
        interrupt(step, at, () -> {
            fixture.run("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'worker'");
            awaitNoWorker();
        });
    }

    /** Kills of the server take a second or two each: outside of {@code -Pthorough}, some of those of advances. */
    static Stream<Arguments> pointsOfRolling() {
        List<RollupTransactions.Step> steps = Boolean.getBoolean("usagekit.thorough")
                ? List.of(
                        RollupTransactions.Step.ADVANCE,
                        RollupTransactions.Step.REROLL,
                        RollupTransactions.Step.BACKFILL)
                : List.of(RollupTransactions.Step.ADVANCE);
        return Sample.of(
                points().filter(point -> steps.contains(point.get()[0])).toList(), 3);
    }

    @ParameterizedTest
    @MethodSource("pointsOfRolling")
    void staysExactWhenServerIsKilled(RollupTransactions.Step step, RollupTransactions.Point at) {
        interrupt(step, at, () -> {
            server.kill();
            server.restart();
        });
    }

    private interface Crash {
        void happen() throws SQLException;
    }

    private static void interrupt(RollupTransactions.Step step, RollupTransactions.Point at, Crash crash) {
        makeWork();
        FigureComparison.Pair before = fixture.read();
        assertThat(before.rolled()).isEqualTo(before.raw());
        try (RollupWorker worker = worker((s, p) -> {
            if (s == step && p == at) {
                crash.happen();
            }
        })) {
            assertThatThrownBy(worker::runOnce)
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("updating the roll-ups in the schema")
                    .hasCauseInstanceOf(SQLException.class);
        }
        FigureComparison.Pair crashed = fixture.read();
        assertThat(crashed.rolled()).as("after the crash").isEqualTo(crashed.raw());
        assertThat(crashed.raw()).as("nothing of the host's is lost").isEqualTo(before.raw());

        try (RollupWorker worker = worker(RollupTransactions.Probe.NONE)) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
        FigureComparison.Pair after = fixture.read();
        assertThat(after.rolled()).as("after the next run").isEqualTo(after.raw());
        assertThat(after.raw()).isEqualTo(before.raw());
        assertThat(after.markedHours()).isZero();
        assertThat(fixture.rollups.status().orElseThrow().coveredBefore()).contains(fixture.clock.instant());
    }

    /** Creates work for every step: an hour that is over, a late row, a changed size, an orphan, and a project with a history. */
    private static void makeWork() {
        rounds++;
        String now = "timestamptz '" + fixture.clock.instant() + "'";
        String id = "r" + rounds;
        fixture.run(
                "insert into {s}.events values ('" + id + "', 'p', 'in time', '', " + now + ", null)",
                "insert into {s}.event_deliveries values ('" + id + "', 'p', '" + id + "', 'Success', " + now + ")",
                "insert into {s}.events values ('" + id + "-late', 'q', 'too late', '', " + now
                        + " - interval '2 hours', null)",
                "insert into {s}.event_deliveries values ('" + id + "-late', 'q', '" + id + "-missing', 'Success', "
                        + now + " - interval '3 hours')",
                "update {s}.events set raw = raw || '.' where id = 'e9'",
                "insert into {s}.projects values ('" + id + "', 'org-123', null)",
                "insert into {s}.events select '" + id + "-' || n, '" + id + "', 'history', '', " + now
                        + " - n * interval '7 hours', null from generate_series(1, 20) n");
        fixture.clock.advance(Duration.ofHours(1));
    }

    private static RollupWorker worker(RollupTransactions.Probe probe) {
        return fixture.worker(workersPool)
                .waitForWriters(Duration.ofSeconds(30))
                .probe(probe)
                .build();
    }

    /** Waits until the terminated session has ended. */
    private static void awaitNoWorker() throws SQLException {
        try (Connection connection = fixture.dataSource.getConnection()) {
            long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
            while (fixture.count(connection, "select count(*) from pg_stat_activity where application_name = 'worker'")
                    > 0) {
                assertThat(System.nanoTime()).as("the session ends").isLessThan(deadline);
                Thread.onSpinWait();
            }
        }
    }

    @Test
    void keepsRolledHoursAcrossServerRestart() {
        fixture.runWorker();
        RollupStatus before = fixture.rollups.status().orElseThrow();
        server.kill();
        server.restart();
        assertThat(fixture.rollups.status().orElseThrow()).isEqualTo(before);
    }

    /** What the page on roll-ups says of tables that were unlogged when the server crashed, which empties them. */
    @Test
    void noticesUnloggedTablesIfTheWorkerRunsBeforeTheyAreLoggedAgain() {
        RollupFixture noticed = RollupFixture.rolled(server.dataSource(), "noticed");
        RollupFixture missed = RollupFixture.rolled(server.dataSource(), "missed");
        noticed.run("alter table {s}.event_deliveries set unlogged");
        missed.run("alter table {s}.event_deliveries set unlogged");
        assertThatThrownBy(noticed::runWorker).hasMessageContaining("is unlogged or temporary");
        server.kill();
        server.restart();
        assertThat(missed.read().rolled())
                .as("while it is unlogged")
                .isEqualTo(missed.read().raw());
        noticed.run("alter table {s}.event_deliveries set logged");
        missed.run("alter table {s}.event_deliveries set logged");

        noticed.assertExact(true);
        assertThat(noticed.runWorker().finished()).isTrue();
        noticed.assertExact(true);
        assertThat(noticed.read().rolled().sent()).isEqualTo(UsageMetrics.ZERO);

        assertThat(missed.read().rolled()).as("not noticed").isEqualTo(RollupFixture.THREE);
        assertThat(missed.rollups.verify(new VerificationProgress() {})).isEqualTo(3);
        missed.rollups.repair(new VerificationProgress() {});
        missed.runWorker();
        missed.assertExact(true);
    }
}
