package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
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

/** Which way the calculator computes a figure, and that it reports it to the listener. */
class RollupCalculatorIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final UsageKey MARCH = RollupFixture.MARCH;

    private final List<String> reports = new ArrayList<>();
    private final RollupListener listener = FigureWays.withHoursTo(reports);

    private RollupFixture fixture;

    @BeforeEach
    void begin() {
        fixture = RollupFixture.rolled(Database.pool(), Database.newSchema("calculator"));
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    private PostgresRollups.Builder rollups() {
        return PostgresRollups.builder(Database.pool())
                .mapping(fixture.mapping)
                .clock(fixture.clock)
                .listener(listener);
    }

    private void assertUsage(UsageCalculator calculator, long received, String way) {
        reports.clear();
        OrganisationUsage usage = calculator.calculate(MARCH, TIMEOUT);
        assertThat(usage.received()).isEqualTo(new UsageMetrics(received, 7 * received));
        assertThat(usage.createdAt()).isEqualTo(fixture.clock.instant());
        assertThat(reports).containsExactly(way);
    }

    @Test
    void readsRolledHoursFromRollupsAndMarkedHoursLive() {
        UsageCalculator calculator = rollups().build().calculator();
        fixture.clock.advance(Duration.ofDays(30));
        fixture.runWorker();
        assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
        fixture.run("insert into {s}.events values ('late', 'q', 'seven b', '', '2026-03-03T03:03:03Z')");
        assertUsage(calculator, 4, "rolled, 1 live, 1 marked");
        fixture.runWorker();
        assertUsage(calculator, 4, "rolled, 0 live, 0 marked");
    }

    @Test
    void fallsBackToCombinedQueryWhileRollupsAreRemovedOrNotYetRolled() {
        UsageCalculator calculator = rollups().build().calculator();
        fixture.clock.advance(Duration.ofDays(30));
        fixture.runWorker();
        assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
        fixture.rollups.remove();
        assertUsage(calculator, 3, "ABSENT");
        assertUsage(calculator, 3, "ABSENT");
        fixture.rollups.install();
        assertUsage(calculator, 3, "NOT_COVERING");
        fixture.runWorker();
        assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
    }

    @Test
    void ignoresRollupsOfAnotherMappingOrVersion() {
        fixture.clock.advance(Duration.ofDays(30));
        fixture.runWorker();
        fixture.run(
                "insert into {s}.event_deliveries values ('other', 'p', 'e9', 'Delivered', '2026-03-17T09:10:00Z')");
        UsageCalculator other = rollups()
                .mapping(fixture.mapping.toBuilder()
                        .deliveredStatuses("Success", "Delivered")
                        .build())
                .schema(fixture.rollups.schema())
                .build()
                .calculator();
        assertThat(other.calculate(MARCH, TIMEOUT).sent()).isEqualTo(new UsageMetrics(4, 28));
        assertThat(reports).containsExactly("FOREIGN");

        UsageCalculator calculator = rollups().build().calculator();
        fixture.runWorker();
        assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
        fixture.run("update {r}.state set version = version + 1");
        assertUsage(calculator, 3, "FOREIGN");
        fixture.run("update {r}.state set version = version - 1");
        assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
    }

    @Test
    void acceptsDeliveredStatusesInAnyOrder() {
        PostgresRollups one = rollups()
                .mapping(fixture.mapping.toBuilder().deliveredStatuses("a", "b").build())
                .schema(fixture.schema + "_ab")
                .build();
        one.install();
        try (RollupWorker worker = rollups()
                .mapping(fixture.mapping.toBuilder().deliveredStatuses("b", "a").build())
                .schema(one.schema())
                .build()
                .worker()
                .build()) {
            assertThat(worker.runOnce().leader()).isTrue();
        }
        one.remove();
    }

    @Test
    void fallsBackToCombinedQueryWhenTooManyHoursAreLiveOrTooManyEventsChanged() {
        UsageCalculator calculator = rollups().build().calculator();
        fixture.clock.advance(Duration.ofDays(30));
        fixture.runWorker();
        fixture.run("insert into {s}.events select 'burst' || n, 'p', 'seven b', '', timestamptz '2026-03-02Z' + n"
                + " * interval '1 hour' from generate_series(1, 500) n");
        assertUsage(calculator, 503, "NOT_COVERING");
        fixture.runWorker();
        assertUsage(calculator, 503, "rolled, 0 live, 0 marked");

        fixture.run("update {s}.events set raw = 'eight by' where id like 'burst%'", "delete from {r}.mark");
        fixture.run("update {s}.events set raw = 'seven b' where id like 'burst%'", "delete from {r}.mark");
        assertThat(fixture.rollups.status().orElseThrow().changedEvents()).isEqualTo(1_000);
        assertUsage(calculator, 503, "rolled, 0 live, 0 marked");
        fixture.run("update {s}.events set raw = 'eight by' where id = 'e9'", "delete from {r}.mark");
        fixture.run("update {s}.events set raw = 'seven b' where id = 'e9'", "delete from {r}.mark");
        assertUsage(calculator, 503, "NOT_COVERING");
        assertThat(fixture.runWorker().changedEvents()).isEqualTo(1_002);
        assertUsage(calculator, 503, "rolled, 0 live, 0 marked");
    }

    /** The limited read of the change log must not be taken for all of it. */
    @Test
    void countsDuplicatesInTheChangeLogAsChangedEvents() {
        fixture.clock.advance(Duration.ofDays(30));
        fixture.runWorker();
        fixture.run("insert into {r}.changed_event select 'e9' from generate_series(1, 3000)");
        fixture.run("update {s}.events set raw = 'eight by' where id = 'e11'", "delete from {r}.mark");
        OrganisationUsage usage = rollups().build().calculator().calculate(MARCH, TIMEOUT);
        assertThat(usage.sent()).isEqualTo(new UsageMetrics(3, 22));
        assertThat(reports).containsExactly("NOT_COVERING");
    }

    @Test
    void computesFromRawRowsForRoleWithoutPrivilegesOnRollups() throws SQLException {
        fixture.clock.advance(Duration.ofDays(30));
        fixture.runWorker();
        fixture.run(
                "create role usagekit_reader",
                "grant usage on schema {s} to usagekit_reader",
                "grant select on all tables in schema {s} to usagekit_reader");
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            UsageCalculator calculator = PostgresRollups.builder(new OneConnection(connection))
                    .mapping(fixture.mapping)
                    .clock(fixture.clock)
                    .listener(listener)
                    .build()
                    .calculator();
            statement.execute("set role usagekit_reader");
            assertUsage(calculator, 3, "ABSENT");
            statement.execute("reset role");
            fixture.run(
                    "grant usage on schema {r} to usagekit_reader",
                    "grant select on all tables in schema {r} to usagekit_reader");
            statement.execute("set role usagekit_reader");
            assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
            statement.execute("reset role");
        }
        fixture.run("drop owned by usagekit_reader", "drop role usagekit_reader");
    }

    @Test
    void appliesProjectScopeWhenFigureIsRead() {
        fixture.clock.advance(Duration.ofDays(30));
        fixture.runWorker();
        fixture.run("update {s}.projects set deleted_at = now() where id = 'p'");
        assertUsage(rollups().build().calculator(), 0, "rolled, 0 live, 0 marked");
        assertUsage(rollups().countDeletedProjects(true).build().calculator(), 3, "rolled, 0 live, 0 marked");
    }

    @Test
    void returnsFigureWhenListenerThrows() {
        UsageCalculator calculator = rollups()
                .listener(new RollupListener() {
                    @Override
                    public void fromRawRows(UsageKey key, RollupListener.Fallback why) {
                        throw new IllegalStateException("the listener failed");
                    }

                    @Override
                    public void fromRollups(UsageKey key, long liveHours, long markedHours) {
                        throw new IllegalStateException("the listener failed");
                    }
                })
                .build()
                .calculator();
        assertThat(calculator.calculate(MARCH, TIMEOUT).received().volume()).isEqualTo(3);
    }

    @Test
    void rejectsFigureWithUnmeasuredRows() {
        fixture.run(
                "alter table {s}.events add column size integer", "update {s}.events set size = 7 where id <> 'e9'");
        PostgresRollups rollups = rollups()
                .mapping(fixture.mapping.toBuilder()
                        .payload()
                        .storedBytes("size")
                        .build())
                .schema(fixture.schema + "_sized")
                .build();
        rollups.install();
        fixture.clock.advance(Duration.ofDays(30));
        try (RollupWorker worker = rollups.worker().build()) {
            assertThat(worker.runOnce().finished()).isTrue();
            UsageCalculator calculator = rollups.calculator();
            assertThatThrownBy(() -> calculator.calculate(MARCH, TIMEOUT))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("2 rows of \"org-123\" in 2026-03 have no size");
            fixture.run("update {s}.events set size = 7 where id = 'e9'");
            assertUsage(calculator, 3, "rolled, 1 live, 1 marked");
            worker.runOnce();
            assertUsage(calculator, 3, "rolled, 0 live, 0 marked");
        }
        rollups.remove();
    }

    @Test
    void readsWindowsWithoutWholeHourLive() {
        fixture.clock.advance(Duration.ofDays(30));
        fixture.runWorker();
        UsageCalculator calculator = rollups().build().calculator();
        for (String end : List.of("2026-03-17T09:59:59Z", "2026-03-17T10:00:00Z", "2026-03-17T10:09:00Z")) {
            UsagePeriod window = UsagePeriod.between(Instant.parse("2026-03-17T09:05:00Z"), Instant.parse(end));
            assertThat(calculator
                            .calculate(new UsageKey("org-123", window), TIMEOUT)
                            .received())
                    .isEqualTo(new UsageMetrics(1, 7));
        }
    }

    @Test
    void rejectsTimeoutOutOfBoundsAndReportsTimeoutOfDatabase() throws SQLException {
        UsageCalculator calculator = rollups().build().calculator();
        assertThatThrownBy(() -> calculator.calculate(MARCH, Duration.ZERO))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("timeout must be between");
        try (Connection blocker = fixture.begin()) {
            fixture.run(blocker, "lock table {s}.events in access exclusive mode");
            assertThatThrownBy(() -> calculator.calculate(MARCH, Duration.ofMillis(300)))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("wasn't computed within PT0.3S");
            blocker.rollback();
            blocker.setAutoCommit(true);
        }
    }
}
