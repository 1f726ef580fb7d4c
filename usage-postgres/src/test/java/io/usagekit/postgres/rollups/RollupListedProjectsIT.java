package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.HostTables;
import io.usagekit.postgres.testing.StatementHook;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.YearMonth;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tables that are partitioned by project, of which a figure with live hours reads the partitions of its organisation's projects. */
class RollupListedProjectsIT {

    private static final UsageKey MARCH = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)));

    private final HostTables tables = new HostTables(Database.pool(), Database.newSchema("listed")) {};
    private final TableMapping mapping = TableMapping.gateway(tables.schema);
    private final PostgresRollups rollups = PostgresRollups.builder(Database.pool())
            .mapping(mapping)
            .clock(ManualClock.at("2026-03-17T12:00:00Z"))
            .build();

    /** Creates a project of each of two organisations, with a delivered event in a rolled hour, and rolls. */
    private void create(String idType) {
        tables.run(
                "create schema {s}",
                "create table {s}.projects (id " + idType
                        + " primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar, project_id " + idType
                        + ", raw text not null, data bytea not null, created_at timestamptz, deleted_at timestamptz)"
                        + " partition by list (project_id)",
                "create table {s}.event_deliveries (id varchar, project_id " + idType
                        + ", event_id varchar, status text, created_at timestamptz) partition by list (project_id)",
                "insert into {s}.projects values ('p', 'org-1', null), ('q', 'org-2', null)");
        for (String project : new String[] {"p", "q"}) {
            tables.run(
                    "create table {s}.events_" + project + " partition of {s}.events for values in ('" + project + "')",
                    "create table {s}.deliveries_" + project + " partition of {s}.event_deliveries for values in ('"
                            + project + "')",
                    "insert into {s}.events values ('e" + project + "', '" + project
                            + "', 'seven b', '', '2026-03-05 10:10Z', null)",
                    "insert into {s}.event_deliveries values ('d" + project + "', '" + project + "', 'e" + project
                            + "', 'Success', '2026-03-05 10:11Z')");
        }
        rollups.install();
        try (RollupWorker worker = rollups.worker().build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
    }

    @AfterEach
    void drop() {
        rollups.remove();
        Database.dropSchema(tables.schema);
    }

    private Optional<CombinedQuery.Totals> read(SqlSource source, Runnable betweenTheStatements) throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            Jdbc.execute(connection, "set timezone = 'UTC'");
            RollupFigureQuery query = RollupFigureQuery.over(
                            RollupSql.over(TableShape.read(connection, mapping), rollups.schema(), source),
                            ProjectScope.ALIVE)
                    .always();
            return query.execute(StatementHook.before(2, connection, betweenTheStatements), MARCH)
                    .orElseThrow()
                    .totals();
        }
    }

    private void moveProject(String organisation) {
        tables.run("update {s}.projects set organisation_id = '" + organisation + "' where id = 'q'");
    }

    /** All of its hours are rolled, and one has changed: the list of the first statement lacks the project. */
    @Test
    void readsAProjectThatMovesToTheOrganisationBetweenTheStatements() throws SQLException {
        create("varchar");
        tables.run("update {s}.events set raw = 'twelve bytes' where id = 'eq'");
        SqlSource flawed = WeakenedStatements.changed(
                "live-figure", "not exists (select from project p where not {project-is-known})", "true");
        Optional<CombinedQuery.Totals> read = read(RollupSql.SOURCE, () -> moveProject("org-1"));
        CombinedQuery.Totals raw = new FigureComparison(Database.pool(), rollups, mapping)
                .compare(MARCH)
                .raw();
        assertThat(read).contains(raw);
        moveProject("org-2");
        assertThat(read(flawed, () -> moveProject("org-1")).orElseThrow())
                .as("negative control")
                .isNotEqualTo(raw);
    }

    @ParameterizedTest
    @ValueSource(strings = {"varchar", "char(4)", "text"})
    void readsThePartitionsOfIdsOfAnyType(String idType) throws SQLException {
        create(idType);
        tables.run("insert into {s}.events values ('live', 'p', 'seven b', '', '2026-03-17 11:59Z', null)");
        FigureComparison.Pair pair = new FigureComparison(Database.pool(), rollups, mapping).compare(MARCH);
        assertThat(read(RollupSql.SOURCE, () -> {})).contains(pair.raw());
        assertThat(pair.rolled()).isEqualTo(pair.raw());
        try (Connection connection = Database.pool().getConnection()) {
            Jdbc.execute(connection, "set timezone = 'UTC'");
            CombinedQuery combined = CombinedQuery.over(TableShape.read(connection, mapping), ProjectScope.ALIVE);
            Connection ofTwoStatements = StatementHook.before(3, connection, () -> {
                throw new AssertionError("a third statement, after the list of projects and that of their partitions");
            });
            assertThat(combined.execute(ofTwoStatements, MARCH)).isEqualTo(pair.raw());
        }
    }
}
