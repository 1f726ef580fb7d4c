package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.internal.batches.AdaptiveBatchSize;
import io.usagekit.postgres.internal.times.FilledTimes;
import io.usagekit.postgres.testing.Commits;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.Year;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Partitions that were empty when a walk through all rows began, and are filled before its end. */
class FilledPartitionsIT {

    private static final UsageKey YEAR = new UsageKey("org", UsagePeriod.year(Year.of(2026)));
    private static final Instant END = Instant.parse("2026-04-01T00:00:00Z");

    private String schema = "";
    private TableMapping mapping = TableMapping.usagekit();
    private PostgresRollups rollups = PostgresRollups.of(Database.pool(), mapping);

    @BeforeEach
    void create() {
        schema = Database.newSchema("fills");
        mapping = TableMapping.gateway(schema);
        run(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar, project_id varchar, raw text, data bytea, created_at timestamptz,"
                        + " deleted_at timestamptz, primary key (id, created_at)) partition by range (created_at)",
                "create table {s}.event_deliveries (id varchar, project_id varchar, event_id varchar, status text,"
                        + " created_at timestamptz, primary key (id, created_at)) partition by range (created_at)",
                "do $$ declare bounds text; begin for n in 1..89 loop bounds := format('for values from (%L) to (%L)',"
                        + " date '2026-04-01' - n || ' 00:00Z', date '2026-04-02' - n || ' 00:00Z');"
                        + " execute format('create table {s}.e_%s partition of {s}.events %s', n, bounds);"
                        + " execute format('create table {s}.d_%s partition of {s}.event_deliveries %s', n, bounds); end loop; end $$",
                "insert into {s}.projects values ('p', 'org')");
        addPair("new", "2026-03-30T05:00:00Z");
        addPair("middle", "2026-02-10T05:00:00Z");
        addPair("old", "2026-01-10T05:00:00Z");
        rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .clock(ManualClock.at("2026-04-03T00:00:00Z"))
                .build();
        rollups.install();
    }

    @AfterEach
    void drop() {
        rollups.removeWithRetained();
        Database.dropSchema(schema);
    }

    private void run(String... statements) {
        Database.execute(Stream.of(statements)
                .map(sql -> sql.replace("{s}", Identifiers.quote(schema)))
                .toArray(String[]::new));
    }

    private void addPair(String id, String time) {
        run(
                "insert into {s}.events values ('" + id + "', 'p', 'seven b', '', '" + time + "')",
                "insert into {s}.event_deliveries values ('" + id + "', 'p', '" + id + "', 'Success', '" + time + "')");
    }

    private FigureComparison.Pair figure() {
        return new FigureComparison(Database.pool(), rollups, mapping).compare(YEAR);
    }

    private interface Steps {
        void run(RollupTransactions steps) throws SQLException;
    }

    private void inSteps(Steps work) throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            Jdbc.execute(connection, "set timezone = 'UTC'");
            RollupSql sql = RollupSql.over(TableShape.read(connection, mapping), rollups.schema());
            work.run(new RollupTransactions(
                    connection, sql, new FilledTimes(), Duration.ofMinutes(5), RollupTransactions.Probe.NONE));
        }
    }

    private static <T> T ofSize(long size, AdaptiveBatchSize.Step<T> step) throws SQLException {
        return new AdaptiveBatchSize(size, size, size).run(Duration.ofMinutes(5), () -> false, step);
    }

    /** Without the look in each step's own snapshot, the rows of January would be passed over, and their marks deleted. */
    @Test
    void backfillsWhatIsWrittenBetweenTwoSteps() throws SQLException {
        inSteps(steps -> {
            steps.publish(END);
            ofSize(1, hours -> steps.advance(END, hours));
            steps.addProjects();
            assertThat(ofSize(1_000, steps::backfill)).isTrue();
            addPair("late", "2026-01-20T05:00:00Z");
            while (ofSize(1_000, steps::backfill)) {
                Thread.onSpinWait();
            }
        });
        FigureComparison.Pair figure = figure();
        assertThat(figure.markedHours()).isZero();
        assertThat(figure.rolled()).isEqualTo(figure.raw());
        assertThat(figure.rolled().sent().volume()).isEqualTo(4);
    }

    /** The mark of a row of such hours is deleted by whichever step looks at marks first: only the number of the last step tells. */
    @Test
    void backfillsWhatIsWrittenBetweenTwoStepsWhereAnotherWorkerDeletesItsMark() throws SQLException {
        inSteps(steps -> {
            steps.publish(END);
            ofSize(1, hours -> steps.advance(END, hours));
            steps.addProjects();
            assertThat(ofSize(1_000, steps::backfill)).isTrue();
            addPair("late", "2026-01-20T05:00:00Z");
            inSteps(others -> assertThat(ofSize(20, others::reroll)).isEqualTo(1));
            assertThat(figure().markedHours()).isZero();
            while (ofSize(1_000, steps::backfill)) {
                Thread.onSpinWait();
            }
        });
        FigureComparison.Pair figure = figure();
        assertThat(figure.rolled()).isEqualTo(figure.raw());
        assertThat(figure.rolled().sent().volume()).isEqualTo(4);
    }

    /** Without a second look, the event would be deleted, and its new delivery would count without it. */
    @Test
    void keepsEventsWithDeliveriesInPartitionsThatWereEmpty() {
        try (RollupWorker worker = rollups.worker().build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
        CombinedQuery.Totals[] before = {figure().rolled()};
        RetentionResult result = rollups.deleteBefore(Instant.parse("2026-02-20T00:00:00Z"), new RetentionProgress() {
            @Override
            public void deleted(long deliveries, long events) {
                if (before[0].sent().volume() == 3) {
                    run(
                            "insert into {s}.event_deliveries values ('again', 'p', 'old', 'Success', '2026-01-05T05:00:00Z')");
                    before[0] = figure().rolled();
                }
            }
        });
        assertThat(result).isEqualTo(new RetentionResult(2, 1, 1, 0));
        assertThat(before[0].sent().volume()).isEqualTo(4);
        assertThat(figure().rolled()).isEqualTo(before[0]);
    }

    /**
     * A worker asks once in a run which partitions have rows, and again where something has happened since; batches of retention ask again. They
     * ask for the bounds of partitions only where other ones than before have rows.
     */
    @Test
    void asksForFilesAndBoundsOfPartitionsOnce() {
        AtomicInteger looks = new AtomicInteger();
        AtomicInteger bounds = new AtomicInteger();
        PostgresRollups watched = PostgresRollups.builder(
                        Commits.watchedStatements(Database.pool(), (connection, sql) -> {
                            looks.addAndGet(sql.contains("pg_relation_size") ? 1 : 0);
                            bounds.addAndGet(sql.contains("relpartbound") ? 1 : 0);
                        }))
                .mapping(mapping)
                .clock(ManualClock.at("2026-04-03T00:00:00Z"))
                .build();
        try (RollupWorker worker = watched.worker().build()) {
            assertThat(worker.runOnce().backfillSteps()).isGreaterThan(1);
            assertThat(bounds.getAndSet(0)).isEqualTo(1);
            assertThat(looks.getAndSet(0)).as("files, and files with bounds").isEqualTo(2);
            run("alter table {s}.events alter created_at set statistics 10"); // rolls everything from scratch
            assertThat(worker.runOnce().backfillSteps()).isGreaterThan(1);
            assertThat(bounds).hasValue(0);
            assertThat(looks.getAndSet(0)).as("files").isEqualTo(1);
        }
        watched.deleteBefore(Instant.parse("2026-02-20T00:00:00Z"), new RetentionProgress() {});
        assertThat(bounds).hasValue(1);
        assertThat(looks).hasValueGreaterThan(2);
    }

    @Test
    void retainsTheSizesOfEventsThatAreFarFromTheirDeliveries() {
        run(
                "insert into {s}.event_deliveries values ('far', 'p', 'old', 'Success', '2026-03-05T05:00:00Z')",
                "insert into {s}.event_deliveries values ('none', 'p', 'nowhere', 'Success', '2026-03-05T06:00:00Z')",
                "insert into {s}.event_deliveries values ('failed', 'p', 'middle', 'Failure', '2026-03-20T06:00:00Z')");
        try (RollupWorker worker = rollups.worker().build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
        assertThat(rollups.verify(new VerificationProgress() {})).isZero();
        CombinedQuery.Totals before = figure().rolled();
        RetentionResult result =
                rollups.deleteBefore(Instant.parse("2026-03-25T12:30:00Z"), new RetentionProgress() {});
        assertThat(result).isEqualTo(new RetentionResult(5, 2, 0, 0));
        assertThat(figure().rolled()).isEqualTo(before);
        assertThat(rollups.verify(new VerificationProgress() {})).isZero();
    }

    /** Such rows lie in partitions without bounds, and in no time that has some. */
    @Test
    void keepsFiguresOfRowsWithInfiniteTimes() {
        run(
                "create table {s}.e_default partition of {s}.events default",
                "create table {s}.d_default partition of {s}.event_deliveries default",
                "insert into {s}.events values ('eternal', 'p', 'seven b', '', 'infinity')",
                "insert into {s}.event_deliveries values ('of-eternal', 'p', 'eternal', 'Success', '2026-01-10T06:00:00Z')",
                "insert into {s}.event_deliveries values ('eternal', 'p', 'old', 'Success', 'infinity')");
        try (RollupWorker worker = rollups.worker().build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
        CombinedQuery.Totals before = figure().rolled();
        assertThat(before.sent()).isEqualTo(new UsageMetrics(4, 28));
        RetentionResult result =
                rollups.deleteBefore(Instant.parse("2026-02-20T00:00:00Z"), new RetentionProgress() {});
        assertThat(result).as("an event with a delivery is kept").isEqualTo(new RetentionResult(3, 1, 1, 0));
        assertThat(figure().rolled()).isEqualTo(before);
    }

    /** The rows of the partition are invisible in the batch's snapshot, and its deliveries would be retained without sizes. */
    @Test
    void retainsTheSizesOfEventsWhosePartitionIsRewrittenAfterTheSnapshot() {
        try (RollupWorker worker = rollups.worker().build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
        CombinedQuery.Totals before = figure().rolled();
        AtomicInteger rewritten = new AtomicInteger();
        PostgresRollups beside = PostgresRollups.builder(Commits.watchedStatements(
                        Database.pool(), (connection, sql) -> {
                            if (sql.contains("delete from") && rewritten.getAndIncrement() == 0) {
                                Jdbc.execute(connection, "select 1"); // takes the snapshot
                                run("alter table {s}.e_81 set unlogged", "alter table {s}.e_81 set logged");
                            }
                        }))
                .mapping(mapping)
                .clock(ManualClock.at("2026-04-03T00:00:00Z"))
                .build();
        RetentionResult result = beside.deleteBefore(Instant.parse("2026-02-20T00:00:00Z"), new RetentionProgress() {});
        assertThat(rewritten.get()).isPositive();
        assertThat(result).isEqualTo(new RetentionResult(2, 2, 0, 0));
        assertThat(figure().rolled()).isEqualTo(before);
    }
}
