package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlFiles;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.internal.SqlTemplate;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.testing.Commits;
import io.usagekit.postgres.testing.OwnDatabase;
import io.usagekit.postgres.testing.StatementHook;
import io.usagekit.testkit.ManualClock;
import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.LocalDate;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * What a figure from roll-ups reads of tables with many partitions: nothing, or those in question. One partition a day;
 * {@code -Dusagekit.plan.partitions=3000} makes more of them. Autovacuum is off, and only the host's tables have statistics.
 */
class RollupReadPlanIT {

    private static final int PARTITIONS = Integer.getInteger("usagekit.plan.partitions", 60);
    private static final UsageKey FEBRUARY = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 2)));
    private static final UsageKey MARCH = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final UsageKey DAY = new UsageKey("org-1", UsagePeriod.day(LocalDate.of(2026, 3, 10)));
    private static final TableMapping MAPPING = TableMapping.gateway("plan");

    private static OwnDatabase database;
    private static PostgresRollups rollups;

    @BeforeAll
    static void create() {
        database = OwnDatabase.create("reads");
        database.execute(
                "create schema plan",
                "create table plan.projects (id varchar primary key, organisation_id varchar not null, deleted_at timestamptz)",
                "create table plan.events (id varchar, project_id varchar not null, raw text not null, data bytea not null,"
                        + " created_at timestamptz not null, deleted_at timestamptz, primary key (id, created_at))"
                        + " partition by range (created_at)",
                "create table plan.event_deliveries (id varchar, project_id varchar not null, event_id varchar not null,"
                        + " status text not null, created_at timestamptz not null, primary key (id, created_at))"
                        + " partition by range (created_at)",
                "create index on plan.events (project_id, created_at)",
                "create index on plan.event_deliveries (project_id, created_at) include (event_id) where status in ('Success')",
                "create index on plan.event_deliveries (event_id)");
        for (int from = 0; from < PARTITIONS; from += 100) {
            database.execute(
                    "do $$ declare day date; begin for n in " + from + ".." + Math.min(from + 99, PARTITIONS - 1)
                            + " loop day := date '2026-04-01' - n;"
                            + " execute format('create table plan.e_%s partition of plan.events for values from (%L) to (%L)"
                            + " with (autovacuum_enabled = off)', n, day::text || ' 00:00Z', (day + 1)::text || ' 00:00Z');"
                            + " execute format('create table plan.d_%s partition of plan.event_deliveries for values from (%L) to (%L)"
                            + " with (autovacuum_enabled = off)', n, day::text || ' 00:00Z', (day + 1)::text || ' 00:00Z');"
                            + " end loop; end $$");
        }
        database.execute(
                "insert into plan.projects select 'p' || n, 'org-' || n, null from generate_series(1, 20) n",
                "insert into plan.events select 'e' || n, 'p' || (1 + n % 20), 'seven b', '',"
                        + " timestamptz '2026-03-31 11:59Z' - n * interval '5 minutes', null from generate_series(0, 20000) n"
                        + " where timestamptz '2026-03-31 11:59Z' - n * interval '5 minutes' >= '2026-02-02Z'",
                "insert into plan.event_deliveries select 'd' || e.id, e.project_id, e.id, 'Success', e.created_at + interval '30 seconds'"
                        + " from plan.events e",
                "analyze plan.projects, plan.events, plan.event_deliveries");
        rollups = PostgresRollups.builder(database.pool())
                .mapping(MAPPING)
                .clock(ManualClock.at("2026-03-31T12:00:00Z"))
                .build();
        rollups.install();
        roll();
    }

    private static void roll() {
        try (RollupWorker worker = rollups.worker().build()) {
            while (!worker.runOnce().finished()) {
                Thread.onSpinWait();
            }
        }
    }

    @AfterEach
    void deleteWhatATestHasAdded() {
        database.execute(
                "delete from plan.event_deliveries where id not like 'de%'",
                "delete from plan.events where id !~ '^e[0-9]'");
        roll();
    }

    @AfterAll
    static void drop() {
        database.close();
    }

    /** Each run of a worker asks by what the tables are partitioned, at each level. */
    @Test
    void findsTheKeysOfPartitionedTablesWithoutALookAtEachPartition() throws SQLException, IOException {
        SqlTemplate keys =
                SqlStatements.of(SqlFiles.of("catalog.sql"), Map.of()).template("partition-keys");
        try (Connection connection = database.pool().getConnection();
                PreparedStatement statement = SqlCall.of(connection, keys)
                        .text("table", "plan.events")
                        .prepare("explain (analyze, buffers, format json) ");
                ResultSet row = statement.executeQuery()) {
            row.next();
            JsonNode plan = new ObjectMapper().readTree(row.getString(1)).get(0).get("Plan");
            assertThat(plan.path("Shared Hit Blocks").asLong()).isLessThan(40);
        }
    }

    @Test
    void locksNoTableOfEventsOrDeliveriesIfNothingIsLive() throws SQLException {
        assertThat(lockedTables(RollupSql.SOURCE, FEBRUARY)).isZero();
    }

    /** Negative control. */
    @Test
    void detectsAStatementThatNamesThem() throws SQLException {
        SqlSource flawed = WeakenedStatements.changed(
                "figure", "exists (select from changed_event) and", "exists (select from {events} limit 0) and");
        assertThat(lockedTables(flawed, FEBRUARY)).isGreaterThan(PARTITIONS);
    }

    /** Eight days of events, one of deliveries, and their indexes. */
    @Test
    void locksThePartitionsThatAreLiveOnly() throws SQLException {
        assertThat(lockedTables(RollupSql.SOURCE, MARCH)).isBetween(3L, 60L);
    }

    @Test
    void findsTheEventOfALiveDeliveryInAnyPartition() {
        database.execute(
                "insert into plan.event_deliveries select 'old-' || e.id, 'p1', e.id, 'Success', '2026-03-31 11:30Z' from"
                        + " plan.events e where e.created_at < '2026-03-02Z' and e.created_at > '2026-02-26Z'",
                "insert into plan.event_deliveries values ('no event', 'p1', 'missing', 'Success', '2026-03-31 11:30Z')");
        FigureComparison.Pair pair = compare(MARCH);
        assertThat(pair.rolled()).isEqualTo(pair.raw());
        assertThat(pair.liveHours()).isPositive();
    }

    /** Negative control: deliveries whose event isn't near count without octets. */
    @Test
    void detectsAStatementThatLooksForNearEventsOnly() {
        SqlSource flawed =
                WeakenedStatements.changed("sent-of-window", "not has_event and event_id is not null", "false");
        database.execute(
                "insert into plan.event_deliveries select 'older-' || e.id, 'p1', e.id, 'Success', '2026-03-31 11:30Z' from"
                        + " plan.events e where e.created_at < '2026-03-02Z' and e.created_at > '2026-02-26Z'");
        assertThat(read(flawed, MARCH)).isNotEqualTo(read(RollupSql.SOURCE, MARCH));
    }

    @Test
    void readsHoursWhoseEventArrivedLate() {
        database.execute(
                "insert into plan.event_deliveries values ('early', 'p1', 'late', 'Success', '2026-03-05 11:30Z')");
        roll();
        assertThat(compare(MARCH).isEqual()).isTrue();
        database.execute("insert into plan.events values ('late', 'p2', 'seven b', '', '2026-02-05 11:30Z', null)");
        FigureComparison.Pair pair = compare(MARCH);
        assertThat(pair.rolled()).isEqualTo(pair.raw());
        assertThat(pair.markedHours()).isOne();
    }

    @Test
    void readsHoursOfChangedEvents() {
        database.execute(
                "update plan.events set raw = 'longer than seven' where project_id = 'p1' and created_at < '2026-03-05Z'"
                        + " and created_at > '2026-03-04Z'");
        FigureComparison.Pair pair = compare(MARCH);
        assertThat(pair.rolled()).isEqualTo(pair.raw());
        assertThat(pair.markedHours()).isPositive();
    }

    /** Deliveries of an event of another organisation, more than are looked up one by one, and one of the own among them. */
    @Test
    void readsHoursOfAChangedEventWithManyDeliveries() {
        database.execute(
                "insert into plan.events values ('fan', 'p2', 'seven b', '', '2026-03-06 11:30Z', null)",
                "insert into plan.event_deliveries select 'fan-' || n, case n when 4000 then 'p1' else 'p2' end, 'fan', 'Success',"
                        + " timestamptz '2026-03-06 12:00Z' + n * interval '1 second' from generate_series(1, 4000) n");
        roll();
        database.execute("update plan.events set raw = 'longer than seven' where id = 'fan'");
        FigureComparison.Pair pair = compare(MARCH);
        assertThat(pair.rolled()).isEqualTo(pair.raw());
        assertThat(pair.markedHours()).isOne();
        assertThat(read(
                        WeakenedStatements.changed(
                                "changed-delivery", "where (select count(*) from delivery_by_event) >", "where 0 >"),
                        MARCH))
                .as("negative control: of the own deliveries only those are read that are found by their event")
                .isNotEqualTo(pair.raw());
    }

    /** An hour is marked after the first statement has found what is live, and before the second one reads it. */
    @Test
    void readsAnHourThatIsMarkedBetweenTheStatements() throws SQLException {
        assertThat(readWhileMarked(RollupSql.SOURCE, "between"))
                .isEqualTo(compare(MARCH).raw());
        roll();
        assertThat(readWhileMarked(
                        WeakenedStatements.changed(
                                "live-figure", "u.lower < :live_from or u.upper > :live_to", "false"),
                        "between, unnoticed"))
                .as("negative control")
                .isNotEqualTo(compare(MARCH).raw());
    }

    @Test
    void aBatchLocksThePartitionsNearItsWindowsAndFindsEventsInAnyPartition() throws SQLException {
        List<UsageKey> keys = List.of(DAY, new UsageKey("org-2", DAY.period()), MARCH, FEBRUARY);
        assertThat(locked(connection -> query(RollupSql.SOURCE, connection).executeAll(connection, List.of(DAY))))
                .isBetween(10L, 60L);
        database.execute(
                "insert into plan.event_deliveries select 'old-' || e.id, 'p1', e.id, 'Success', '2026-03-31 11:30Z' from"
                        + " plan.events e where e.created_at < '2026-02-03Z'",
                "insert into plan.event_deliveries values ('early', 'p1', 'late', 'Success', '2026-03-10 11:30Z')");
        roll();
        database.execute("insert into plan.events values ('late', 'p2', 'seven b', '', '2026-02-05 11:30Z', null)");
        new FigureComparison(database.pool(), rollups, MAPPING)
                .assertBulkEqualsSingle(keys, "with far and late events");
        new FigureComparison(database.pool(), rollups, MAPPING)
                .assertBulkEqualsSingle(List.of(DAY, MARCH), "with events that aren't near a window");
    }

    /** Nine days of events, one of deliveries, and their indexes. */
    @Test
    void aSeriesLocksThePartitionsNearItsWindow() throws SQLException {
        assertThat(locked(connection -> {
                    series(RollupSql.SOURCE, connection, DAY);
                    return DAY;
                }))
                .isBetween(10L, 60L);
    }

    @Test
    void aSeriesFindsEventsInAnyPartition() throws SQLException {
        database.execute(
                "insert into plan.event_deliveries select 'old-' || e.id, 'p1', e.id, 'Success', '2026-03-31 11:30Z' from"
                        + " plan.events e where e.created_at < '2026-02-03Z'");
        CombinedQuery.Totals raw = compare(MARCH).raw();
        try (Connection connection = database.pool().getConnection()) {
            Jdbc.execute(connection, "set timezone = 'UTC'");
            assertThat(series(RollupSql.SOURCE, connection, MARCH))
                    .isEqualTo(raw)
                    .as("negative control: of events near the window only")
                    .isNotEqualTo(series(
                            WeakenedStatements.changed(
                                    "series", "select coalesce(sum(missing), 0)::bigint from sent", "select 0::bigint"),
                            connection,
                            MARCH));
        }
    }

    @Test
    void aSeriesFindsLateEventsInAnyPartition() throws SQLException {
        database.execute(
                "insert into plan.event_deliveries values ('early', 'p1', 'late', 'Success', '2026-03-10 11:30Z')");
        roll();
        database.execute("insert into plan.events values ('late', 'p2', 'seven b', '', '2026-02-05 11:30Z', null)");
        CombinedQuery.Totals raw = compare(MARCH).raw();
        try (Connection connection = database.pool().getConnection()) {
            Jdbc.execute(connection, "set timezone = 'UTC'");
            assertThat(series(RollupSql.SOURCE, connection, MARCH))
                    .isEqualTo(raw)
                    .as("negative control: as if no event was missing")
                    .isNotEqualTo(series(
                            WeakenedStatements.changed(
                                    "series",
                                    "select count(*)\n        from part p",
                                    "select count(*) * 0\n        from part p"),
                            connection,
                            MARCH));
        }
    }

    /** Reads the sums of a series of one slice. */
    private static CombinedQuery.Totals series(SqlSource source, Connection connection, UsageKey key)
            throws SQLException {
        List<RollupSeriesQuery.Sum> sums = new ArrayList<>();
        RollupSql sql = RollupSql.over(TableShape.read(connection, MAPPING), rollups.schema(), source);
        RollupSeriesQuery.over(sql, ProjectScope.ALIVE, Optional.of(key.organisationId()))
                .execute(connection, List.of(key.period().start(), key.period().end()), sums::add);
        assertThat(sums).as("one project, one slice").hasSize(1);
        RollupSeriesQuery.Sum sum = sums.get(0);
        return new CombinedQuery.Totals(sum.received(), sum.sent(), sum.unmeasured());
    }

    /** Planning over partitions takes longer than reading a small project's rows of a month. */
    @Test
    void verifiesProjectsTogether() {
        AtomicInteger comparisons = new AtomicInteger();
        List<String> verified = new ArrayList<>();
        List<String> drifted = new ArrayList<>();
        PostgresRollups watched = PostgresRollups.of(
                Commits.watchedStatements(database.pool(), (connection, sql) -> {
                    if (sql.contains("covered as materialized")) {
                        comparisons.incrementAndGet();
                    }
                }),
                MAPPING);
        VerificationProgress progress = new VerificationProgress() {
            @Override
            public void drifted(RollupDrift drift) {
                drifted.add(drift.projectId() + " " + drift.hour());
            }

            @Override
            public void verified(String projectId) {
                verified.add(projectId);
            }
        };
        assertThat(watched.verify(progress)).isZero();
        assertThat(verified).hasSize(20).isSorted();
        assertThat(comparisons.getAndSet(0)).isBetween(1, 3);
        String sums = " where project_id in ('p2', 'p19') and bucket in"
                + " (select min(bucket) from plan_rollups.rollup where project_id in ('p2', 'p19') group by project_id)";
        database.execute("update plan_rollups.rollup set sent_bytes = sent_bytes + 1" + sums);
        assertThat(watched.verify(progress)).isGreaterThanOrEqualTo(2).isEqualTo(drifted.size());
        assertThat(String.join(",", drifted)).matches("(p19 [^,]*,)+p2 .*");
        database.execute("update plan_rollups.rollup set sent_bytes = sent_bytes - 1" + sums);
        assertThat(comparisons).hasValueLessThan(6);
    }

    /** Nine days of events, one of deliveries, and their indexes. */
    @Test
    void theCombinedQueryLocksThePartitionsNearItsWindow() throws SQLException {
        assertThat(locked(connection -> combined(connection).execute(connection, DAY)))
                .isBetween(10L, 50L);
        assertThat(locked(connection ->
                        combined(connection).executeAll(connection, List.of(DAY, new UsageKey("org-2", DAY.period())))))
                .as("a batch")
                .isBetween(10L, 50L);
        assertThat(locked(connection -> combined(connection).sums(connection, DAY)))
                .as("negative control: of the statement that looks for events in all partitions")
                .isGreaterThan(PARTITIONS);
    }

    @Test
    void theCombinedQueryFindsEventsInAnyPartition() throws SQLException {
        database.execute(
                "insert into plan.event_deliveries select 'old-' || e.id, 'p1', e.id, 'Success', '2026-03-10 11:30Z' from"
                        + " plan.events e where e.created_at < '2026-02-03Z'",
                "insert into plan.event_deliveries values ('no event', 'p1', 'missing', 'Success', '2026-03-10 11:30Z')");
        try (Connection connection = database.pool().getConnection()) {
            Jdbc.execute(connection, "set timezone = 'UTC'");
            CombinedQuery combined = combined(connection);
            assertThat(combined.execute(connection, DAY)).isEqualTo(combined.sums(connection, DAY));
        }
    }

    private static CombinedQuery combined(Connection connection) throws SQLException {
        return RollupSql.over(TableShape.read(connection, MAPPING), rollups.schema())
                .combined(ProjectScope.ALIVE);
    }

    private static CombinedQuery.Totals readWhileMarked(SqlSource source, String id) throws SQLException {
        try (Connection connection = database.pool().getConnection()) {
            Connection watched = StatementHook.before(
                    2,
                    connection,
                    () -> database.execute("insert into plan.events values ('" + id
                            + "', 'p1', 'seven b', '', '2026-03-05 11:30Z', null)"));
            Jdbc.execute(connection, "set timezone = 'UTC'");
            return query(source, connection)
                    .execute(watched, MARCH)
                    .orElseThrow()
                    .totals()
                    .orElseThrow();
        }
    }

    private static RollupFigureQuery query(SqlSource source, Connection connection) throws SQLException {
        return RollupFigureQuery.over(
                        RollupSql.over(TableShape.read(connection, MAPPING), rollups.schema(), source),
                        ProjectScope.ALIVE)
                .always();
    }

    private static FigureComparison.Pair compare(UsageKey key) {
        return new FigureComparison(database.pool(), rollups, MAPPING).compare(key);
    }

    private static CombinedQuery.Totals read(SqlSource source, UsageKey key) {
        try (Connection connection = database.pool().getConnection()) {
            Jdbc.execute(connection, "set timezone = 'UTC'");
            return query(source, connection)
                    .execute(connection, key)
                    .orElseThrow()
                    .totals()
                    .orElseThrow();
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private static long lockedTables(SqlSource source, UsageKey key) throws SQLException {
        return locked(connection -> {
            Optional<CombinedQuery.Totals> totals = query(source, connection)
                    .execute(connection, key)
                    .orElseThrow()
                    .totals();
            assertThat(totals).isPresent();
            return totals;
        });
    }

    /** How many of the tables and indexes of events and deliveries the transaction of a read has locked. */
    private static long locked(Jdbc.Work<?> read) throws SQLException {
        try (Connection connection = database.pool().getConnection()) {
            connection.setAutoCommit(false);
            try (Statement statement = connection.createStatement()) {
                statement.execute("set local plan_cache_mode = force_custom_plan; set local timezone = 'UTC'");
                read.run(connection);
                try (ResultSet row = statement.executeQuery(
                        "select count(*) from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on"
                                + " n.oid = c.relnamespace where l.pid = pg_backend_pid() and n.nspname = 'plan' and"
                                + " c.relname not like 'projects%'")) {
                    row.next();
                    return row.getLong(1);
                }
            } finally {
                connection.rollback();
                connection.setAutoCommit(true);
            }
        }
    }
}
