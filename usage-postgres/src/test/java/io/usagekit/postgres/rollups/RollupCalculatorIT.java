package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Which way the calculator goes, and that it says so. */
class RollupCalculatorIT {

    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final UsageKey MARCH = RollupFixture.MARCH;

    private final List<String> told = new ArrayList<>();
    private final RollupListener listener = new RollupListener() {
        @Override
        public void fromRollups(UsageKey key, long liveHours, long markedHours) {
            told.add("rolled, " + liveHours + " live, " + markedHours + " marked");
        }

        @Override
        public void fromRawRows(UsageKey key, RollupFallback why) {
            told.add(why.toString());
        }
    };

    private RollupFixture scene;

    @BeforeEach
    void begin() {
        scene = RollupFixture.rolled(Database.pool(), Database.newSchema("calculator"));
    }

    @AfterEach
    void end() {
        scene.close();
    }

    private PostgresRollups.Builder rollups() {
        return PostgresRollups.builder(Database.pool())
                .mapping(scene.mapping)
                .clock(scene.clock)
                .listener(listener);
    }

    private void assertUsage(UsageCalculator calculator, long received, String way) {
        told.clear();
        OrganisationUsage usage = calculator.calculate(MARCH, PATIENCE);
        assertThat(usage.received()).isEqualTo(new UsageMetrics(received, 7 * received));
        assertThat(usage.createdAt()).isEqualTo(scene.clock.instant());
        assertThat(told).containsExactly(way);
    }

    @Test
    void rolledHoursAreTakenFromRollupsAndMarkedOnesRead() {
        UsageCalculator calculator = rollups().build().calculator();
        scene.clock.advance(Duration.ofDays(30));
        scene.runWorker();
        assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
        scene.run("insert into {s}.events values ('late', 'q', 'seven b', '', '2026-03-03T03:03:03Z')");
        assertUsage(calculator, 4, "rolled, 1 live, 1 marked");
        scene.runWorker();
        assertUsage(calculator, 4, "rolled, 0 live, 0 marked");
    }

    @Test
    void theCombinedQueryStepsInWhereThereAreNoRollupsAnyMoreOrAgain() {
        UsageCalculator calculator = rollups().build().calculator();
        scene.clock.advance(Duration.ofDays(30));
        scene.runWorker();
        assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
        scene.rollups.remove();
        assertUsage(calculator, 3, "ABSENT");
        assertUsage(calculator, 3, "ABSENT");
        scene.rollups.install();
        assertUsage(calculator, 3, "NOT_COVERING");
        scene.runWorker();
        assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
    }

    @Test
    void rollupsForOtherStatusesOrOfAnotherVersionAreNotUsed() {
        scene.clock.advance(Duration.ofDays(30));
        scene.runWorker();
        scene.run("insert into {s}.event_deliveries values ('other', 'p', 'e9', 'Delivered', '2026-03-17T09:10:00Z')");
        UsageCalculator other = rollups()
                .mapping(scene.mapping.toBuilder()
                        .deliveredStatuses("Success", "Delivered")
                        .build())
                .schema(scene.rollups.schema())
                .build()
                .calculator();
        assertThat(other.calculate(MARCH, PATIENCE).sent()).isEqualTo(new UsageMetrics(4, 28));
        assertThat(told).containsExactly("FOREIGN");

        UsageCalculator calculator = rollups().build().calculator();
        scene.runWorker();
        assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
        scene.run("update {r}.state set version = version + 1");
        assertUsage(calculator, 3, "FOREIGN");
        scene.run("update {r}.state set version = version - 1");
        assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
    }

    @Test
    void theOrderInWhichStatusesAreNamedMakesNoDifference() {
        PostgresRollups one = rollups()
                .mapping(scene.mapping.toBuilder().deliveredStatuses("a", "b").build())
                .schema(scene.schema + "_ab")
                .build();
        one.install();
        try (RollupWorker worker = rollups()
                .mapping(scene.mapping.toBuilder().deliveredStatuses("b", "a").build())
                .schema(one.schema())
                .build()
                .worker()
                .build()) {
            assertThat(worker.runOnce().leader()).isTrue();
        }
        one.remove();
    }

    @Test
    void whereTooMuchIsLiveOrHasChangedTheCombinedQueryIsFaster() {
        UsageCalculator calculator = rollups().build().calculator();
        scene.clock.advance(Duration.ofDays(30));
        scene.runWorker();
        scene.run("insert into {s}.events select 'burst' || n, 'p', 'seven b', '', timestamptz '2026-03-02Z' + n"
                + " * interval '1 hour' from generate_series(1, 500) n");
        assertUsage(calculator, 503, "NOT_COVERING");
        scene.runWorker();
        assertUsage(calculator, 503, "rolled, 0 live, 0 marked");

        scene.run("update {s}.events set raw = 'eight by' where id like 'burst%'", "delete from {r}.mark");
        scene.run("update {s}.events set raw = 'seven b' where id like 'burst%'", "delete from {r}.mark");
        assertThat(scene.rollups.status().orElseThrow().changedEvents()).isEqualTo(1_000);
        assertUsage(calculator, 503, "rolled, 0 live, 0 marked");
        scene.run("update {s}.events set raw = 'eight by' where id = 'e9'", "delete from {r}.mark");
        scene.run("update {s}.events set raw = 'seven b' where id = 'e9'", "delete from {r}.mark");
        assertUsage(calculator, 503, "NOT_COVERING");
        assertThat(scene.runWorker().changedEvents()).isEqualTo(1_002);
        assertUsage(calculator, 503, "rolled, 0 live, 0 marked");
    }

    /** What is cut off must not be taken for all there is. */
    @Test
    void manyNotesOfOneEventDoNotHideTheOneOfAnother() {
        scene.clock.advance(Duration.ofDays(30));
        scene.runWorker();
        scene.run("insert into {r}.changed_event select 'e9' from generate_series(1, 3000)");
        scene.run("update {s}.events set raw = 'eight by' where id = 'e11'", "delete from {r}.mark");
        OrganisationUsage usage = rollups().build().calculator().calculate(MARCH, PATIENCE);
        assertThat(usage.sent()).isEqualTo(new UsageMetrics(3, 22));
        assertThat(told).containsExactly("NOT_COVERING");
    }

    @Test
    void aRoleThatMayNotReadRollupsGetsItsFigureFromRawRows() throws SQLException {
        scene.clock.advance(Duration.ofDays(30));
        scene.runWorker();
        scene.run(
                "create role usagekit_reader",
                "grant usage on schema {s} to usagekit_reader",
                "grant select on all tables in schema {s} to usagekit_reader");
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            UsageCalculator calculator = new RollupCalculator(
                    new OneConnection(connection),
                    scene.mapping,
                    scene.rollups.schema(),
                    ProjectScope.ALIVE,
                    scene.clock,
                    listener);
            statement.execute("set role usagekit_reader");
            assertUsage(calculator, 3, "ABSENT");
            statement.execute("reset role");
            scene.run(
                    "grant usage on schema {r} to usagekit_reader",
                    "grant select on all tables in schema {r} to usagekit_reader");
            statement.execute("set role usagekit_reader");
            assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
            statement.execute("reset role");
        }
        scene.run("drop owned by usagekit_reader", "drop role usagekit_reader");
    }

    @Test
    void whichProjectsCountIsAskedWhenTheFigureIsRead() {
        scene.clock.advance(Duration.ofDays(30));
        scene.runWorker();
        scene.run("update {s}.projects set deleted_at = now() where id = 'p'");
        assertUsage(rollups().build().calculator(), 0, "rolled, 0 live, 0 marked");
        assertUsage(rollups().countDeletedProjects(true).build().calculator(), 3, "rolled, 0 live, 0 marked");
    }

    @Test
    void aListenerThatThrowsHarmsNobody() {
        UsageCalculator calculator = rollups()
                .listener(new RollupListener() {
                    @Override
                    public void fromRawRows(UsageKey key, RollupFallback why) {
                        throw new IllegalStateException("a listener's own trouble");
                    }

                    @Override
                    public void fromRollups(UsageKey key, long liveHours, long markedHours) {
                        throw new IllegalStateException("a listener's own trouble");
                    }
                })
                .build()
                .calculator();
        assertThat(calculator.calculate(MARCH, PATIENCE).received().volume()).isEqualTo(3);
    }

    @Test
    void aSizeThatIsNeitherStoredNorMeasurableIsAnErrorFromRollupsToo() {
        scene.run("alter table {s}.events add column size integer", "update {s}.events set size = 7 where id <> 'e9'");
        PostgresRollups rollups = rollups()
                .mapping(scene.mapping.toBuilder().payload().storedBytes("size").build())
                .schema(scene.schema + "_sized")
                .build();
        rollups.install();
        scene.clock.advance(Duration.ofDays(30));
        try (RollupWorker worker = rollups.worker().build()) {
            assertThat(worker.runOnce().finished()).isTrue();
            UsageCalculator calculator = rollups.calculator();
            assertThatThrownBy(() -> calculator.calculate(MARCH, PATIENCE))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("2 rows of \"org-123\" in 2026-03 have no size");
            scene.run("update {s}.events set size = 7 where id = 'e9'");
            assertUsage(calculator, 3, "rolled, 1 live, 1 marked");
            worker.runOnce();
            assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
        }
        rollups.remove();
    }

    @Test
    void aWindowWithinAnHourAndOneThatHasNoWholeHourAreReadLive() {
        scene.clock.advance(Duration.ofDays(30));
        scene.runWorker();
        UsageCalculator calculator = rollups().build().calculator();
        for (String end : List.of("2026-03-17T09:59:59Z", "2026-03-17T10:00:00Z", "2026-03-17T10:09:00Z")) {
            UsagePeriod window = UsagePeriod.between(Instant.parse("2026-03-17T09:05:00Z"), Instant.parse(end));
            assertThat(calculator
                            .calculate(new UsageKey("org-123", window), PATIENCE)
                            .received())
                    .isEqualTo(new UsageMetrics(1, 7));
        }
    }

    @Test
    void aTimeoutOutOfBoundsIsRefusedAndASlowDatabaseIsATypedError() throws SQLException {
        UsageCalculator calculator = rollups().build().calculator();
        assertThatThrownBy(() -> calculator.calculate(MARCH, Duration.ZERO))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("timeout must be between");
        try (Connection blocker = scene.begin()) {
            scene.run(blocker, "lock table {s}.events in access exclusive mode");
            assertThatThrownBy(() -> calculator.calculate(MARCH, Duration.ofMillis(300)))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("wasn't computed within PT0.3S");
            blocker.rollback();
            blocker.setAutoCommit(true);
        }
    }
}
