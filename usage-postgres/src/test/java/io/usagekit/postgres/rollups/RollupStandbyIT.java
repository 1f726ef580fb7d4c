package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.servers.EmbeddedPostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A standby replays rows, roll-ups and marks together: it serves exact figures, also after it is promoted. */
@Tag("thorough")
class RollupStandbyIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private EmbeddedPostgresServer primary;
    private EmbeddedPostgresServer standby;
    private RollupFixture fixture;

    @BeforeEach
    void start() {
        primary = EmbeddedPostgresServer.start();
        fixture = RollupFixture.rolled(primary.dataSource(), "followed");
        standby = primary.standby();
    }

    @AfterEach
    void stop() {
        standby.close();
        primary.close();
    }

    private FigureComparison.Pair readStandby() {
        return new FigureComparison(standby.dataSource(), fixture.rollups, fixture.mapping)
                .compare(RollupFixture.MARCH);
    }

    @Test
    void readsExactFiguresFromStandbyDuringWrites() throws SQLException {
        for (int round = 0; round < 10; round++) {
            fixture.run(
                    "insert into {s}.events values ('now" + round + "', 'p', 'now', '', '" + fixture.clock.instant()
                            + "')",
                    "insert into {s}.events values ('late" + round + "', 'p', 'late', '', '2026-03-17T09:10:00Z')",
                    "update {s}.events set raw = raw || '.' where id = 'e10'");
            assertEqual(readStandby(), "at any moment");
            awaitStandby();
            FigureComparison.Pair marked = readStandby();
            assertEqual(marked, "before the late row is rolled");
            assertThat(marked.markedHours()).isPositive();
            fixture.clock.advance(Duration.ofHours(1));
            fixture.runWorker();
            assertEqual(readStandby(), "at any moment");
            awaitStandby();
            FigureComparison.Pair rolled = readStandby();
            assertEqual(rolled, "with everything rolled");
            assertThat(rolled.markedHours()).isZero();
            assertThat(rolled.raw().received().volume()).isEqualTo(3 + 2 * (round + 1));
        }
        PostgresRollups onStandby = PostgresRollups.builder(standby.dataSource())
                .mapping(fixture.mapping)
                .clock(fixture.clock)
                .build();
        assertThat(onStandby
                        .calculator()
                        .calculate(RollupFixture.MARCH, TIMEOUT)
                        .received()
                        .volume())
                .isEqualTo(23);
        assertThat(onStandby.verify(new VerificationProgress() {})).isZero();
        assertThatThrownBy(() -> onStandby.worker().build().runOnce())
                .as("a worker needs to write")
                .hasMessageContaining("updating the roll-ups in the schema");
    }

    /** With a late row, a step that isn't committed, and rows deleted by retention. */
    @Test
    void staysExactAfterPromotionOfStandby() throws SQLException {
        fixture.clock.advance(Duration.ofDays(2));
        fixture.runWorker();
        fixture.rollups.deleteBefore(Instant.parse("2026-03-17T10:00:00Z"), new RetentionProgress() {});
        fixture.run("insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T10:10:00Z')");
        fixture.clock.advance(Duration.ofHours(1));
        try (RollupWorker worker = fixture.worker()
                .probe((step, point) -> {
                    if (step == RollupTransactions.Step.REROLL && point == RollupTransactions.Point.BEFORE_COMMIT) {
                        awaitStandby();
                        primary.kill();
                    }
                })
                .build()) {
            assertThatThrownBy(worker::runOnce).hasMessageContaining("updating the roll-ups in the schema");
        }
        standby.promote();

        PostgresRollups rollups = PostgresRollups.builder(standby.dataSource())
                .mapping(fixture.mapping)
                .clock(fixture.clock)
                .build();
        FigureComparison.Pair taken = readStandby();
        assertThat(taken.markedHours())
                .as("the hour with retained sums, and that of the late row")
                .isEqualTo(2);
        assertThat(rollups.calculator()
                        .calculate(RollupFixture.MARCH, TIMEOUT)
                        .received()
                        .volume())
                .isEqualTo(4);
        write("insert into {s}.events values ('later', 'p', 'later', '', '2026-03-17T11:10:00Z')");
        assertThat(readStandby().markedHours())
                .as("the promoted server marks late rows")
                .isEqualTo(3);
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
        assertThat(readStandby().markedHours()).isZero();
        assertThat(rollups.calculator()
                        .calculate(RollupFixture.MARCH, TIMEOUT)
                        .received()
                        .volume())
                .isEqualTo(5);
        assertThat(rollups.verify(new VerificationProgress() {})).isZero();
    }

    private static void assertEqual(FigureComparison.Pair pair, String when) {
        assertThat(pair.rolled()).as(when).isEqualTo(pair.raw());
    }

    private void write(String sql) throws SQLException {
        try (Connection connection = standby.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(fixture.sql(sql));
        }
    }

    /** Waits until the standby has replayed everything that the primary has written. */
    private void awaitStandby() throws SQLException {
        String written = one(primary, "select pg_current_wal_lsn()");
        long deadline = System.nanoTime() + TIMEOUT.toNanos();
        while (!one(standby, "select pg_last_wal_replay_lsn() >= '" + written + "'")
                .equals("t")) {
            assertThat(System.nanoTime()).as("the standby follows").isLessThan(deadline);
            LockSupport.parkNanos(1_000_000);
        }
    }

    private static String one(EmbeddedPostgresServer server, String query) throws SQLException {
        try (Connection connection = server.dataSource().getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            row.next();
            return String.valueOf(row.getString(1));
        }
    }
}
