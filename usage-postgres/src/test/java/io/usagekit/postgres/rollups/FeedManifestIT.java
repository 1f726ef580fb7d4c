package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.testing.OwnDatabase;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What a figure reads of the manifest, whose months stand for their days: the buffers of PostgreSQL, beside those of the same figure from roll-ups, and
 * the versions that prove what the store has. A large organisation has 20 projects, a small one has one; each of them has usage in each
 * hour of four months.
 */
class FeedManifestIT {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final UsageKey LARGE = new UsageKey("large", MARCH);
    private static final UsageKey SMALL = new UsageKey("small", MARCH);
    private static final TableMapping MAPPING = TableMapping.gateway("plan");
    private static final NavigableSet<LocalDate> EDGES = new TreeSet<>(Stream.of(
                    "2026-01-01",
                    "2026-01-02",
                    "2026-01-31",
                    "2026-02-01",
                    "2026-02-15",
                    "2026-03-01",
                    "2026-03-31",
                    "2026-04-01",
                    "2026-05-01")
            .map(LocalDate::parse)
            .toList());
    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    private static OwnDatabase database;
    private static PostgresRollups rollups;

    @BeforeAll
    static void ship() {
        database = OwnDatabase.create("feed_plan");
        database.execute(
                "create schema plan",
                "create table plan.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table plan.events (id varchar primary key, project_id varchar, raw text, data bytea, created_at timestamptz,"
                        + " deleted_at timestamptz)",
                "create table plan.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text,"
                        + " created_at timestamptz)",
                "create index on plan.projects (organisation_id)",
                "insert into plan.projects select 'project-' || n, case when n <= 20 then 'large' else 'small' end"
                        + " from generate_series(1, 21) n");
        rollups = PostgresRollups.builder(database.pool())
                .mapping(MAPPING)
                .clock(ManualClock.at("2026-05-02T00:00:00Z"))
                .build();
        rollups.install();
        try (RollupWorker worker = rollups.worker().build()) {
            while (!worker.runOnce().finished()) {
                Thread.onSpinWait();
            }
        }
        database.execute("insert into " + Identifiers.qualified(rollups.schema(), "rollup")
                + " select p.id, hour, 1, 7, 1, 7, 0, 0 from plan.projects p,"
                + " generate_series(timestamptz '2026-01-01Z', '2026-04-30 23:00Z', '1 hour') hour");
        rollups.feed().install();
        MemoryStore store = new MemoryStore();
        while (rollups.feed().ship(store, 100_000, TIMEOUT).orElseThrow().left()) {
            Thread.onSpinWait();
        }
        database.execute("vacuum (analyze)");
    }

    @AfterAll
    static void drop() {
        database.close();
    }

    @Test
    void readsHalfTheBuffersForLargeOrganisationAndNoMoreForSmallOne() throws SQLException {
        assertThat(buffers(LARGE, true) * 2)
                .as("twice those of the large one")
                .isLessThanOrEqualTo(buffers(LARGE, false));
        assertThat(buffers(SMALL, true)).as("those of the small one").isLessThanOrEqualTo(buffers(SMALL, false));
    }

    private static long buffers(UsageKey key, boolean leavesShipped) throws SQLException {
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("set jit = off");
            RollupFigureQuery query = query(connection, sql(connection, RollupSql.SOURCE), leavesShipped);
            query.execute(connection, key); // plans the comparison of the tables, once in each session
            return RollupFigurePlanIT.buffers(connection, query, key);
        }
    }

    private static RollupFigureQuery query(Connection connection, RollupSql sql, boolean leavesShipped)
            throws SQLException {
        return leavesShipped
                ? RollupFigureQuery.leavingShipped(connection, sql, ProjectScope.ALIVE)
                : RollupFigureQuery.over(sql, ProjectScope.ALIVE);
    }

    /** Windows that begin and end at edges of months and within them, undivided and divided by days that are to be shipped. */
    @Test
    void provesEachWindowByTheVersionsOfItsDays() throws SQLException {
        assertThat(windowsProvedByOthers(RollupSql.SOURCE)).isEmpty();
    }

    /** Negative controls. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "s.month < r.end_month | s.month <= r.end_month",
                "s.month >= r.first_month | s.month > r.first_month",
                "least(r.first_month, r.end_day) | r.first_month",
                "r.first_month <= r.end_month | true",
                "s.day < r.end_day | s.day <= r.end_day"
            })
    void detectsStatementThatAddsUpOtherDays(String right, String slip) throws SQLException {
        assertThat(windowsProvedByOthers(WeakenedStatements.changed("shipped-of-range", right, slip)))
                .isNotEmpty();
    }

    private static List<UsagePeriod> windowsProvedByOthers(SqlSource source) throws SQLException {
        List<UsagePeriod> differing = new ArrayList<>();
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false); // what is listed is rolled back
            RollupFigureQuery query = query(connection, sql(connection, source), true);
            for (String listed :
                    List.of("", "('project-21', '2026-02-14 07:00Z'), ('project-21', '2026-03-01 00:00Z')")) {
                if (!listed.isEmpty()) {
                    statement.execute("insert into " + feed("to_ship") + " (project_id, bucket) values " + listed);
                }
                for (LocalDate from : EDGES) {
                    for (LocalDate to : EDGES.tailSet(from, false)) {
                        UsagePeriod window = UsagePeriod.between(instant(from), instant(to));
                        RollupFigureQuery.Answer answer = query.execute(connection, new UsageKey("small", window))
                                .orElseThrow();
                        if (versions(answer) != versionsOfDays(statement, from, to)) {
                            differing.add(window);
                        }
                    }
                }
            }
            connection.rollback();
        }
        return differing;
    }

    private static long versions(RollupFigureQuery.Answer answer) {
        return answer.shipped().orElseThrow().versions().getOrDefault("project-21", 0L);
    }

    private static long versionsOfDays(Statement statement, LocalDate from, LocalDate to) throws SQLException {
        try (ResultSet row = statement.executeQuery("select coalesce(sum(d.version_sum), 0) from " + feed("shipped_day")
                + " d where d.project_id = 'project-21' and d.day >= '" + from + "' and d.day < '" + to
                + "' and not exists (select from " + feed("to_ship")
                + " t where t.project_id = d.project_id and (t.bucket at time zone 'UTC')::date = d.day)")) {
            row.next();
            return row.getLong(1);
        }
    }

    private static String feed(String table) {
        return Identifiers.qualified(rollups.feed().schema(), table);
    }

    private static Instant instant(LocalDate day) {
        return day.atStartOfDay(ZoneOffset.UTC).toInstant();
    }

    private static RollupSql sql(Connection connection, SqlSource source) throws SQLException {
        return RollupSql.over(TableShape.read(connection, MAPPING), rollups.schema(), source);
    }
}
