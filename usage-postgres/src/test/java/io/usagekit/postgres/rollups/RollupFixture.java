package io.usagekit.postgres.rollups;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.testing.HostTables;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.YearMonth;
import javax.sql.DataSource;

/**
 * A gateway's tables with roll-ups beside them, at noon of 17 March 2026, and one organisation with two projects, {@code p} and
 * {@code q}. Transactions of the host are connections that the test holds open.
 */
final class RollupFixture extends HostTables implements AutoCloseable {

    static final UsageKey MARCH = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));

    final TableMapping mapping;
    final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
    final PostgresRollups rollups;

    private RollupFixture(DataSource dataSource, String schema) {
        super(dataSource, schema);
        this.mapping = TableMapping.gateway(schema);
        this.rollups = PostgresRollups.builder(dataSource)
                .mapping(mapping)
                .clock(clock)
                .build();
    }

    /** Creates the tables and the two projects only. */
    static RollupFixture tables(DataSource dataSource, String schema) {
        RollupFixture fixture = new RollupFixture(dataSource, schema);
        fixture.run(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar primary key, project_id varchar, raw text not null default '', data bytea not null default '', created_at timestamptz, deleted_at timestamptz)",
                "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamptz)",
                "insert into {s}.projects values ('p', 'org-123', null), ('q', 'org-123', null)");
        return fixture;
    }

    /** Creates the tables with a delivered event in each of the last three hours, installs roll-ups and rolls all hours. */
    static RollupFixture rolled(DataSource dataSource, String schema) {
        RollupFixture fixture = tables(dataSource, schema);
        fixture.rollups.install();
        for (int hour = 9; hour < 12; hour++) {
            fixture.run(
                    "insert into {s}.events values ('e" + hour + "', 'p', 'seven b', '', '2026-03-17T" + at(hour)
                            + ":10:00Z')",
                    "insert into {s}.event_deliveries values ('d" + hour + "', 'p', 'e" + hour
                            + "', 'Success', '2026-03-17T" + at(hour) + ":10:01Z')");
        }
        fixture.runWorker();
        return fixture;
    }

    /** Two digits, as in {@code T09:00}. */
    private static String at(int hour) {
        return (hour < 10 ? "0" : "") + hour;
    }

    @Override
    public String sql(String sql) {
        return super.sql(sql).replace("{r}", Identifiers.quote(rollups.schema()));
    }

    RollupWorker.Builder worker() {
        return worker(rollups);
    }

    /** Returns a builder of a worker on other connections. */
    RollupWorker.Builder worker(DataSource other) {
        return worker(
                PostgresRollups.builder(other).mapping(mapping).clock(clock).build());
    }

    private static RollupWorker.Builder worker(PostgresRollups rollups) {
        return rollups.worker().settle(Duration.ZERO).waitForWriters(Duration.ofMillis(50));
    }

    /** Returns the roll-ups' statements. */
    RollupSql sql() throws SQLException {
        return sql(RollupSql.SOURCE);
    }

    /** Returns the roll-ups' statements out of another source. */
    RollupSql sql(SqlSource source) throws SQLException {
        try (Connection connection = dataSource.getConnection()) {
            return RollupSql.over(TableShape.read(connection, mapping), rollups.schema(), source);
        }
    }

    /** Returns a pace of retention with batches of one size. */
    static RetentionDeleter.Pace batchesOf(long rows) {
        RetentionDeleter.Pace pace = RetentionDeleter.Pace.DEFAULT;
        return new RetentionDeleter.Pace(rows, rows, pace.budget(), pace.lockTimeout(), pace.retryBudget());
    }

    RollupRunResult runWorker() {
        try (RollupWorker worker = worker().build()) {
            return worker.runOnce();
        }
    }

    FigureComparison.Pair read() {
        return new FigureComparison(dataSource, rollups, mapping).compare(MARCH);
    }

    @Override
    public void close() {
        rollups.removeWithRetained();
        run("drop schema {s} cascade");
    }
}
