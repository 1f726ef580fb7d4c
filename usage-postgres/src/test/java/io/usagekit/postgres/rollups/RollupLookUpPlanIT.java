package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.BaselineTables;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.testing.OneConnection;
import io.usagekit.postgres.testing.OwnDatabase;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * How often a session plans the statement that reads a figure from roll-ups alone: once, for all organisations; and what that plan reads when
 * tables have grown since.
 */
class RollupLookUpPlanIT {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final UsageKey LARGEST = new UsageKey("org-1", MARCH);
    private static final UsageKey SMALLEST = new UsageKey("org-100", MARCH);
    private static final Duration TIMEOUT = Duration.ofMinutes(5);
    private static final TableMapping MAPPING = TableMapping.gateway("plan");

    /** After how many executions the driver gives a statement a name, and some more. */
    private static final int OFTEN = 8;

    /** Ten times as many deliveries as are looked up by their events, whosever they are. */
    private static final long MANY = 10_000;

    private static OwnDatabase database;

    @BeforeAll
    static void create() {
        database = OwnDatabase.create("look_ups");
        BaselineTables.create(
                database::execute,
                "plan",
                5_000,
                100,
                "timestamptz '2026-04-01Z' - ((5000 - n)::float8 / 5000) * interval '90 days'",
                "1 hour");
    }

    @AfterAll
    static void drop() {
        database.close();
    }

    @Test
    void aSessionPlansTheStatementOnceForAllOrganisations() throws SQLException {
        PostgresRollups rollups = installed("once");
        roll(rollups);
        assertThat(customPlans(rollups, Jdbc.Mode.READ_ONLY_LOOK_UPS)).isZero();
        database.execute(
                "insert into plan.events (id, project_id, raw, data, created_at) select 'late-' || n, 'project-' || n, 'late', '',"
                        + " '2026-03-20T05:30:00Z' from generate_series(1, " + OFTEN + ") n");
        assertThat(customPlans(rollups, Jdbc.Mode.READ_ONLY_LOOK_UPS))
                .as("with a live hour of each organisation")
                .isZero();
        assertThat(customPlans(rollups, Jdbc.Mode.READ_ONLY))
                .as("negative control: a transaction that plans for values")
                .isPositive();
        rollups.remove();
    }

    /** How many of the plans of named statements were made for the values of one execution. */
    private static long customPlans(PostgresRollups rollups, Jdbc.Mode mode) throws SQLException {
        try (Connection session = database.pool().getConnection()) {
            for (int n = 1; n <= OFTEN; n++) {
                read(session, mode, rollups, new UsageKey("org-" + n, MARCH));
            }
            String ofFigures =
                    " from pg_prepared_statements where statement like '%missing_project%' and statement like '%"
                            + rollups.schema() + "%'";
            assertThat(number(session, "select coalesce(sum(generic_plans + custom_plans), 0)" + ofFigures))
                    .as("executions of the named statement")
                    .isPositive();
            long plans = number(session, "select coalesce(sum(custom_plans), 0)" + ofFigures);
            database.pool().evictConnection(session);
            return plans;
        }
    }

    @Test
    void aPlanThatWasMadeOverEmptyTablesReadsTheFullOnesByTheirIndexes() throws SQLException {
        PostgresRollups rollups = installed("early");
        String schema = Identifiers.quote(rollups.schema());
        for (String table : new String[] {"project", "rollup", "mark", "orphan", "retained"}) {
            database.execute(
                    "alter table " + schema + "." + table + " set (autovacuum_enabled = off)",
                    "vacuum (analyze) " + schema + "." + table);
        }
        try (Connection session = database.pool().getConnection()) {
            for (int n = 0; n < OFTEN; n++) {
                assertThat(read(session, Jdbc.Mode.READ_ONLY_LOOK_UPS, rollups, LARGEST))
                        .as("tables read whole while they are empty")
                        .isZero();
            }
            roll(rollups);
            assertThat(read(session, Jdbc.Mode.READ_ONLY_LOOK_UPS, rollups, LARGEST))
                    .as("tables read whole by the plan of then")
                    .isZero();
            database.pool().evictConnection(session);
        }
        rollups.remove();
    }

    @Test
    void aWindowThatIsOpenHasTheHoursOfChangedAndLateEvents() throws SQLException {
        PostgresRollups rollups = installed("open");
        database.execute(
                delivered("changed", "2026-03-10T12:30:00Z"), event("changed", "seven b", "2026-03-10T10:30:00Z"));
        roll(rollups);
        database.execute("update plan.events set raw = 'longer than seven' where id = 'changed'");
        assertThat(openFigure(rollups, RollupSql.SOURCE))
                .isEqualTo(combinedFigure())
                .as("negative control: without the hours of deliveries of changed events")
                .isNotEqualTo(
                        openFigure(rollups, WeakenedStatements.changed("live-figure", "and {no-changes}", "and true")));
        database.execute(delivered("early", "2026-03-11T12:30:00Z"));
        roll(rollups);
        database.execute(event("early", "seven b", "2026-02-05T10:30:00Z"));
        assertThat(openFigure(rollups, RollupSql.SOURCE))
                .isEqualTo(combinedFigure())
                .as("negative control: without the hours of deliveries of late events")
                .isNotEqualTo(
                        openFigure(rollups, WeakenedStatements.changed("live-figure", "and {no-orphans}", "and true")));
        rollups.remove();
    }

    /** An event of the largest organisation has many deliveries. */
    @Test
    void readsFewDeliveriesOfAChangedEventOfAnotherOrganisation() throws SQLException {
        PostgresRollups rollups = installed("fan");
        database.execute(
                event("fan", "seven b", "2026-03-10T10:30:00Z"),
                "insert into plan.event_deliveries (id, project_id, event_id, status, created_at) select 'fan-' || n, 'project-1', 'fan',"
                        + " 'Success', timestamptz '2026-03-10 12:30Z' + n * interval '1 second' from generate_series(1, "
                        + MANY + ") n");
        roll(rollups);
        database.execute("update plan.events set raw = 'longer than seven' where id = 'fan'");
        assertThat(deliveriesRead(rollups, RollupSql.SOURCE)).isPositive().isLessThan(MANY / 2);
        assertThat(deliveriesRead(
                        rollups,
                        WeakenedStatements.changed("changed-delivery", "limit (select few + 1 from few_delivery)", "")))
                .as("negative control: all deliveries of changed events")
                .isGreaterThanOrEqualTo(MANY);
        rollups.remove();
        database.execute(
                "delete from plan.event_deliveries where event_id = 'fan'", "delete from plan.events where id = 'fan'");
    }

    /** How many rows of the deliveries the figure of the smallest organisation takes. */
    private static long deliveriesRead(PostgresRollups rollups, SqlSource source) throws SQLException {
        String read =
                "select idx_tup_fetch + seq_tup_read from pg_stat_xact_user_tables where relid = 'plan.event_deliveries'::regclass";
        return new Jdbc(database.pool()).transaction(Jdbc.Mode.READ_ONLY_LOOK_UPS, TIMEOUT, connection -> {
            long before = number(connection, read);
            RollupSql sql = RollupSql.over(TableShape.read(connection, MAPPING), rollups.schema(), source);
            assertThat(RollupFigureQuery.over(sql, ProjectScope.ALIVE).execute(connection, SMALLEST))
                    .isPresent();
            return number(connection, read) - before;
        });
    }

    private static String delivered(String event, String at) {
        return "insert into plan.event_deliveries (id, project_id, event_id, status, created_at) values ('" + event
                + "', 'project-1', '" + event + "', 'Success', '" + at + "')";
    }

    private static String event(String id, String raw, String at) {
        return "insert into plan.events (id, project_id, raw, data, created_at) values ('" + id + "', 'project-1', '"
                + raw + "', '', '" + at + "')";
    }

    private static CombinedQuery.Totals openFigure(PostgresRollups rollups, SqlSource source) throws SQLException {
        return new Jdbc(database.pool()).transaction(Jdbc.Mode.READ_ONLY_LOOK_UPS, TIMEOUT, connection -> {
            RollupSql sql = RollupSql.over(TableShape.read(connection, MAPPING), rollups.schema(), source);
            return RollupFigureQuery.over(sql, ProjectScope.ALIVE)
                    .execute(connection, LARGEST, Instant.MIN)
                    .orElseThrow()
                    .totals()
                    .orElseThrow();
        });
    }

    private static CombinedQuery.Totals combinedFigure() throws SQLException {
        return new Jdbc(database.pool())
                .transaction(
                        Jdbc.Mode.READ_ONLY,
                        TIMEOUT,
                        connection -> CombinedQuery.over(TableShape.read(connection, MAPPING), ProjectScope.ALIVE)
                                .execute(connection, LARGEST));
    }

    /** Reads a figure in the session; returns how often it read one of the tables of roll-ups whole that have many rows. */
    private static long read(Connection session, Jdbc.Mode mode, PostgresRollups rollups, UsageKey key)
            throws SQLException {
        return new Jdbc(new OneConnection(session)).transaction(mode, TIMEOUT, connection -> {
            long before = wholeReads(connection, rollups);
            RollupSql sql = RollupSql.over(TableShape.read(connection, MAPPING), rollups.schema());
            assertThat(RollupFigureQuery.over(sql, ProjectScope.ALIVE).execute(connection, key))
                    .isPresent();
            return wholeReads(connection, rollups) - before;
        });
    }

    /** Those of this transaction, and of earlier ones of the session that the server hasn't counted elsewhere yet. */
    private static long wholeReads(Connection session, PostgresRollups rollups) throws SQLException {
        return number(
                session,
                "select coalesce(sum(seq_scan), 0) from pg_stat_xact_user_tables where schemaname = '"
                        + rollups.schema()
                        + "' and relname in ('project', 'rollup', 'mark', 'orphan', 'retained')");
    }

    private static long number(Connection session, String query) throws SQLException {
        try (Statement statement = session.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            row.next();
            return row.getLong(1);
        }
    }

    private static PostgresRollups installed(String schema) {
        PostgresRollups rollups = PostgresRollups.builder(database.pool())
                .mapping(MAPPING)
                .schema(schema)
                .clock(ManualClock.at("2026-04-02T00:00:00Z"))
                .build();
        rollups.install();
        return rollups;
    }

    private static void roll(PostgresRollups rollups) {
        try (RollupWorker worker = rollups.worker().build()) {
            while (!worker.runOnce().finished()) {
                Thread.onSpinWait();
            }
        }
    }
}
