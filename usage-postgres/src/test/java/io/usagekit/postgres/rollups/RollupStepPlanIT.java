package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.internal.batches.AdaptiveBatchSize;
import io.usagekit.postgres.internal.times.FilledTimes;
import io.usagekit.postgres.testing.Commits;
import io.usagekit.postgres.testing.OwnDatabase;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What the worker's steps read: the rows that they roll, in tables of any layout. Autovacuum is off.
 * {@code -Dusagekit.plan.events=200000} makes larger tables, {@code -Dusagekit.plan.days=600} more partitions.
 */
class RollupStepPlanIT {

    private static final int EVENTS = Integer.getInteger("usagekit.plan.events", 8_000);
    private static final int DAYS = Integer.getInteger("usagekit.plan.days", 8);
    private static final int PROJECTS = 5;
    private static final Instant END = Instant.parse("2026-04-01T00:00:00Z");
    private static final UsageKey MARCH = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final TableMapping MAPPING = TableMapping.gateway("plan");

    /** How the tables of events and deliveries are partitioned. */
    private enum Partitions {
        NONE(""),
        BY_DAY("partition by range (created_at)"),
        /** As a gateway does it. */
        BY_PROJECT_AND_DAY("partition by range (project_id, created_at)");

        private final String clause;

        Partitions(String clause) {
            this.clause = clause;
        }

        /** Returns the bounds of a partition, with the day {@code day}. */
        private String bounds(int project) {
            String of = this == BY_PROJECT_AND_DAY ? "'p" + project + "', " : "";
            return "format('for values from (" + of.replace("'", "''") + "%L) to (" + of.replace("'", "''")
                    + "%L)', day::text || ' 00:00Z', (day + 1)::text || ' 00:00Z')";
        }
    }

    /** How many rows of pg_inherits a transaction has read. */
    private static final String CHILDREN =
            "coalesce(max(pg_stat_get_xact_tuples_returned('pg_inherits'::regclass) + pg_stat_get_xact_tuples_fetched('pg_inherits'::regclass)), 0)";

    /** What a step has read and locked. */
    private record Cost(long buffers, long lockedTables) {}

    @ParameterizedTest
    @EnumSource(Partitions.class)
    void readsWhatItRolls(Partitions partitions) throws SQLException {
        assertReadsWhatItRolls(partitions, "select 1");
    }

    /** The ranges, which come and go, are the only table that PostgreSQL knows nothing of. */
    @Test
    void readsWhatItRollsOfTablesWithStatistics() throws SQLException {
        assertReadsWhatItRolls(Partitions.NONE, "analyze plan.events, plan.event_deliveries");
    }

    private static void assertReadsWhatItRolls(Partitions partitions, String statistics) throws SQLException {
        try (OwnDatabase database = OwnDatabase.create("steps")) {
            create(database, partitions);
            database.execute(statistics);
            PostgresRollups rollups = PostgresRollups.builder(database.pool())
                    .mapping(MAPPING)
                    .clock(ManualClock.at(END.toString()))
                    .build();
            rollups.install();
            database.execute(
                    "do $$ declare name text; begin for name in select tablename from pg_tables where schemaname = '"
                            + rollups.schema()
                            + "' loop execute format('alter table %I.%I set (autovacuum_enabled = off)', '"
                            + rollups.schema() + "', name); end loop; end $$");
            try (Connection connection = database.pool().getConnection()) {
                Jdbc.execute(connection, "set timezone = 'UTC'");
                steps(connection, rollups, database, partitions);
            }
            assertThat(new FigureComparison(database.pool(), rollups, MAPPING)
                            .compare(MARCH)
                            .isEqual())
                    .isTrue();
        }
    }

    /**
     * A partition that is rewritten after the step's snapshot is empty in it; the step runs again. It looks at the locks of all sessions only where it
     * may have read other partitions than those of its time.
     *
     * @param rewritten with events or deliveries of the hour that is rolled, or with the event of its only delivery, which is days or weeks older
     */
    @ParameterizedTest
    @CsvSource({
        "BY_DAY, e_0_1, false",
        "BY_DAY, d_0_1, false",
        "BY_DAY, e_default, false",
        "BY_DAY, e_0_4, false",
        "BY_DAY, e_old, true",
        "BY_PROJECT_AND_DAY, e_0_1, true"
    })
    void rollsAPartitionThatIsRewrittenAfterTheSnapshot(Partitions partitions, String rewritten, boolean looksAtLocks)
            throws SQLException {
        try (OwnDatabase database = OwnDatabase.create("steps")) {
            create(database, partitions);
            database.execute(
                    "delete from plan.event_deliveries where created_at >= '" + END.minus(Duration.ofHours(1)) + "'");
            addEvent(database, "2026-03-28T12:00:00Z");
            if (rewritten.equals("e_default")) {
                database.execute(
                        "drop table plan.e_0_1",
                        "create table plan.e_default partition of plan.events default",
                        "insert into plan.events values ('default', 'p1', 'octets', '', '"
                                + END.minus(Duration.ofMinutes(30)) + "', null)");
            }
            if (rewritten.equals("e_old")) {
                database.execute(
                        "create table plan.e_old partition of plan.events for values from ('2026-02-01 00:00Z')"
                                + " to ('2026-02-02 00:00Z')");
                addEvent(database, "2026-02-01T12:00:00Z");
            }
            PostgresRollups rollups = PostgresRollups.builder(database.pool())
                    .mapping(MAPPING)
                    .clock(ManualClock.at(END.toString()))
                    .build();
            rollups.install();
            AtomicInteger chosen = new AtomicInteger();
            AtomicInteger looks = new AtomicInteger();
            DataSource watched = Commits.watchedStatements(
                    database.pool(),
                    (connection, sql) -> looks.addAndGet(sql.contains("pg_relation_filenode(l.relation)") ? 1 : 0));
            try (Connection connection = watched.getConnection()) {
                Jdbc.execute(connection, "set timezone = 'UTC'");
                RollupSql sql = RollupSql.over(TableShape.read(connection, MAPPING), rollups.schema());
                RollupTransactions steps = new RollupTransactions(
                        connection, sql, new FilledTimes(), Duration.ofMinutes(5), (step, point) -> {
                            if (point != RollupTransactions.Point.CHOSEN) {
                                return;
                            }
                            looks.set(0);
                            if (chosen.incrementAndGet() == 2) {
                                database.execute(
                                        "alter table plan." + rewritten + " set unlogged",
                                        "alter table plan." + rewritten + " set logged");
                            }
                        });
                steps.publish(END);
                ofSize(1, hours -> steps.advance(END.minus(Duration.ofHours(1)), hours));
                steps.addProjects();
                ofSize(1, hours -> steps.advance(END, hours));
            }
            assertThat(chosen).hasValue(3);
            assertThat(looks.get() > 0).isEqualTo(looksAtLocks);
            assertThat(new FigureComparison(database.pool(), rollups, MAPPING)
                            .compare(MARCH)
                            .isEqual())
                    .isTrue();
        }
    }

    /** Adds an event, and its delivery half an hour before the end. */
    private static void addEvent(OwnDatabase database, String createdAt) {
        database.execute(
                "insert into plan.events values ('of " + createdAt + "', 'p1', 'octets', '', '" + createdAt
                        + "', null)",
                "insert into plan.event_deliveries values ('of " + createdAt + "', 'p1', 'of " + createdAt
                        + "', 'Success', '" + END.minus(Duration.ofMinutes(30)) + "')");
    }

    /**
     * No step, verification or batch of retention names partitions without rows, but for those of the days before, in which events of
     * deliveries may be.
     */
    @Test
    void leavesPartitionsWithoutRowsAlone() throws SQLException {
        try (OwnDatabase database = OwnDatabase.create("steps")) {
            create(database, Partitions.BY_DAY);
            database.execute("do $$ declare day date; begin for n in 1..80 loop day := date '2026-03-31' - " + DAYS
                    + " - n; execute format('create table plan.empty_e_%s partition of plan.events for values from (%L) to (%L)',"
                    + " n, day::text || ' 00:00Z', (day + 1)::text || ' 00:00Z'); execute format('create table plan.empty_d_%s"
                    + " partition of plan.event_deliveries for values from (%L) to (%L)', n, day::text || ' 00:00Z',"
                    + " (day + 1)::text || ' 00:00Z'); end loop; end $$");
            Instant middle = END.minus(Duration.ofDays(DAYS / 2));
            AtomicLong locked = new AtomicLong();
            ManualClock clock = ManualClock.at(END.toString());
            PostgresRollups rollups = PostgresRollups.builder(Commits.watched(
                            database.pool(),
                            connection -> locked.accumulateAndGet(
                                    number(
                                            connection,
                                            "count(*) filter (where c.relname like 'empty%' and c.oid in (select relation"
                                                    + " from pg_locks where pid = pg_backend_pid()))"),
                                    Math::max)))
                    .mapping(MAPPING)
                    .clock(clock)
                    .build();
            PostgresRollups.builder(database.pool()).mapping(MAPPING).build().install();
            FigureComparison reads = new FigureComparison(database.pool(), rollups, MAPPING);

            try (RollupWorker worker = rollups.worker()
                    .settle(Duration.ZERO)
                    .runBudget(Duration.ofMinutes(1))
                    .build()) {
                assertThat(worker.runOnce().finished()).isTrue();
                assertFewLocked(locked, "rolling everything");
                database.execute("insert into plan.events values ('late', 'p1', 'late', '', '"
                        + middle.minus(Duration.ofHours(35)) + "')");
                assertThat(worker.runOnce().rerolledHours()).isEqualTo(1);
                assertFewLocked(locked, "re-rolling an hour");
            }
            assertThat(reads.compare(MARCH).isEqual()).isTrue();
            assertThat(rollups.verify(new VerificationProgress() {})).isZero();
            assertFewLocked(locked, "verification");
            CombinedQuery.Totals before = reads.compare(MARCH).rolled();
            clock.advance(Duration.ofDays(2));
            RetentionResult deleted =
                    rollups.deleteBefore(middle.plus(Duration.ofMinutes(12 * 60 + 20)), new RetentionProgress() {});
            assertFewLocked(locked, "retention");
            assertThat(deleted.events()).isGreaterThan(EVENTS / 3).isEqualTo(deleted.deliveries() + 1);
            assertThat(reads.compare(MARCH).rolled()).isEqualTo(before);
        }
    }

    /** A step of a back-fill asks the catalog for each partition only where rows may have been written to the history since the step before. */
    @Test
    void looksAtPartitionsOnceInABackfill() throws SQLException {
        try (OwnDatabase database = OwnDatabase.create("steps")) {
            create(database, Partitions.BY_DAY);
            PostgresRollups rollups = PostgresRollups.builder(database.pool())
                    .mapping(MAPPING)
                    .clock(ManualClock.at(END.toString()))
                    .build();
            rollups.install();
            long partitions = 2L * (DAYS + 1);
            AtomicLong started = new AtomicLong();
            AtomicLong read = new AtomicLong();
            try (Connection connection = database.pool().getConnection()) {
                Jdbc.execute(connection, "set timezone = 'UTC'");
                RollupSql sql = RollupSql.over(TableShape.read(connection, MAPPING), rollups.schema());
                RollupTransactions steps = new RollupTransactions(
                        connection, sql, new FilledTimes(), Duration.ofMinutes(5), (step, point) -> {
                            if (point == RollupTransactions.Point.STARTED) {
                                started.set(number(connection, CHILDREN));
                            } else if (point == RollupTransactions.Point.CHOSEN) {
                                read.set(number(connection, CHILDREN) - started.get());
                            }
                        });
                steps.publish(END);
                ofSize(1, hours -> steps.advance(END, hours));
                steps.addProjects();
                ofSize(100, steps::backfill);
                assertThat(read).hasValueGreaterThanOrEqualTo(partitions);
                ofSize(100, steps::backfill);
                assertThat(read).as("rows of pg_inherits").hasValueLessThan(partitions);
                database.execute("insert into plan.events values ('late', 'p1', 'late', '', '"
                        + END.minus(Duration.ofDays(DAYS - 1)) + "')");
                ofSize(100, steps::backfill);
                assertThat(read).as("after a late row").hasValueGreaterThanOrEqualTo(partitions);
            }
        }
    }

    private static void assertFewLocked(AtomicLong locked, String work) {
        assertThat(locked.getAndSet(0))
                .as("tables and indexes without rows that %s has locked", work)
                .isLessThanOrEqualTo(8 * 5);
    }

    private static void steps(
            Connection connection, PostgresRollups rollups, OwnDatabase database, Partitions partitions)
            throws SQLException {
        RollupSql sql = RollupSql.over(TableShape.read(connection, MAPPING), rollups.schema());
        Map<RollupTransactions.Step, Cost> costs = new EnumMap<>(RollupTransactions.Step.class);
        long[] before = {0};
        RollupTransactions steps =
                new RollupTransactions(connection, sql, new FilledTimes(), Duration.ofMinutes(5), (step, point) -> {
                    if (point == RollupTransactions.Point.STARTED) {
                        before[0] = number(connection, "sum(pg_stat_get_xact_blocks_fetched(c.oid))");
                    } else if (point == RollupTransactions.Point.BEFORE_COMMIT) {
                        long buffers = number(connection, "sum(pg_stat_get_xact_blocks_fetched(c.oid))") - before[0];
                        long locked = number(
                                connection,
                                "count(*) filter (where c.oid in (select relation from pg_locks where pid = pg_backend_pid())"
                                        + " and n.nspname = 'plan')");
                        costs.put(step, new Cost(buffers, locked));
                    }
                });
        long rowsPerHour = 2L * EVENTS / (DAYS * 24L);

        steps.publish(END);
        ofSize(1, hours -> steps.advance(END.minus(Duration.ofHours(1)), hours));
        steps.addProjects();
        ofSize(1, hours -> steps.advance(END, hours));
        assertCost(RollupTransactions.Step.ADVANCE, costs, rowsPerHour, 2 * PROJECTS, partitions);

        ofSize(rowsPerHour * 12, steps::backfill);
        ofSize(rowsPerHour * 12, steps::backfill);
        assertCost(RollupTransactions.Step.BACKFILL, costs, rowsPerHour * 24, 2 * PROJECTS, partitions);

        while (ofSize(100_000, steps::backfill)) {
            Thread.onSpinWait();
        }
        database.execute("update plan.events set raw = 'longer than seven' where id = 'e777'");
        steps.markChangedDeliveries(1_000);
        ofSize(20, steps::reroll);
        assertCost(RollupTransactions.Step.REROLL, costs, 2 * rowsPerHour, 2, partitions);
        steps.markLateEvents(0, 1_000);
    }

    private static <T> T ofSize(long size, AdaptiveBatchSize.Step<T> step) throws SQLException {
        return new AdaptiveBatchSize(size, size, size).run(Duration.ofMinutes(5), () -> false, step);
    }

    private static void assertCost(
            RollupTransactions.Step step,
            Map<RollupTransactions.Step, Cost> costs,
            long rows,
            int ranges,
            Partitions partitions) {
        Cost cost = costs.get(step);
        assertThat(cost).isNotNull();
        assertThat(cost.buffers())
                .as("buffers of %s of %s rows in %s ranges", step, rows, ranges)
                .isLessThanOrEqualTo(10 * rows + 30L * ranges + 100);
        if (partitions == Partitions.BY_DAY
                || (partitions == Partitions.BY_PROJECT_AND_DAY && step != RollupTransactions.Step.BACKFILL)) {
            assertThat(cost.lockedTables())
                    .as("tables and indexes that %s of %s rows has locked", step, rows)
                    .isLessThanOrEqualTo(40L * PROJECTS);
        }
    }

    private static long number(Connection connection, String sum) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select " + sum
                        + " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                        + " where n.nspname like '%plan%' and c.relkind in ('r', 'i', 't', 'p', 'I')")) {
            row.next();
            return row.getLong(1);
        }
    }

    private static void create(OwnDatabase database, Partitions partitions) {
        String key = partitions == Partitions.NONE ? "id" : "id, project_id, created_at";
        database.execute(
                "create schema plan",
                "create table plan.projects (id varchar primary key, organisation_id varchar not null, deleted_at timestamptz)",
                "create table plan.events (id varchar, project_id varchar not null, raw text not null, data bytea not null,"
                        + " created_at timestamptz not null, deleted_at timestamptz, primary key (" + key + ")) "
                        + partitions.clause,
                "create table plan.event_deliveries (id varchar, project_id varchar not null, event_id varchar not null,"
                        + " status text not null, created_at timestamptz not null, primary key (" + key + ")) "
                        + partitions.clause,
                "create index on plan.events (project_id, created_at)",
                "create index on plan.event_deliveries (project_id, created_at) include (event_id) where status in ('Success')",
                "create index on plan.event_deliveries (event_id)");
        if (partitions == Partitions.NONE) {
            database.execute(
                    "alter table plan.events set (autovacuum_enabled = off)",
                    "alter table plan.event_deliveries set (autovacuum_enabled = off)");
        }
        for (int project = 0; project < (partitions == Partitions.BY_PROJECT_AND_DAY ? PROJECTS : 1); project++) {
            if (partitions != Partitions.NONE) {
                database.execute("do $$ declare day date; bounds text; begin for n in 0.." + DAYS
                        + " loop day := date '2026-04-01' - n; bounds := " + partitions.bounds(project) + ";"
                        + " execute format('create table plan.e_" + project
                        + "_%s partition of plan.events %s with (autovacuum_enabled = off)', n, bounds);"
                        + " execute format('create table plan.d_" + project
                        + "_%s partition of plan.event_deliveries %s with (autovacuum_enabled = off)', n, bounds);"
                        + " end loop; end $$");
            }
        }
        database.execute(
                "insert into plan.projects select 'p' || n, 'org-' || n % 2, null from generate_series(0, "
                        + (PROJECTS - 1) + ") n",
                "insert into plan.events select 'e' || n, 'p' || n % " + PROJECTS
                        + ", 'seven b', '', timestamptz '2026-04-01Z' - n * interval '" + DAYS + " days' / " + EVENTS
                        + ", null from generate_series(1, " + EVENTS + ") n",
                "insert into plan.event_deliveries select 'd' || e.id, e.project_id, e.id, 'Success', e.created_at + interval '1 microsecond'"
                        + " from plan.events e");
    }
}
