package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.testing.Database;
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

    /** What {@link #rolled} creates. */
    static final CombinedQuery.Totals THREE =
            new CombinedQuery.Totals(new UsageMetrics(3, 21), new UsageMetrics(3, 21));

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

    /** The same a month later: {@link #figure()} is {@link #THREE}, and all rows are old enough to be deleted. */
    static RollupFixture ofLastMonth(DataSource dataSource, String schema) {
        RollupFixture fixture = rolled(dataSource, schema);
        fixture.clock.advance(Duration.ofDays(30));
        fixture.runWorker();
        assertThat(fixture.figure()).isEqualTo(THREE);
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
        return rollups.worker()
                .settle(Duration.ZERO)
                .waitForWriters(Duration.ofMillis(50))
                .runBudget(Duration.ofMinutes(1)); // a loaded machine
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
        return runWorker(rollups);
    }

    /** Lets a worker of any roll-ups roll what it can. */
    static RollupRunResult runWorker(PostgresRollups rollups) {
        try (RollupWorker worker = worker(rollups).build()) {
            return worker.runOnce();
        }
    }

    /** Returns roll-ups of these tables of the schema, which call a listener. */
    PostgresRollups rollups(TableMapping tables, RollupListener listener) {
        return PostgresRollups.builder(dataSource)
                .mapping(tables)
                .clock(clock)
                .listener(listener)
                .build();
    }

    FigureComparison.Pair read() {
        return new FigureComparison(dataSource, rollups, mapping).compare(MARCH);
    }

    /** Returns what the calculator from roll-ups computes. */
    CombinedQuery.Totals figure() {
        OrganisationUsage usage = rollups.calculator().calculate(MARCH, Duration.ofSeconds(30));
        return new CombinedQuery.Totals(usage.received(), usage.sent(), usage.unmeasured());
    }

    void assertRows(int deliveries, int events) {
        assertThat(Database.query(sql("select count(*) from {s}.event_deliveries")))
                .isEqualTo(String.valueOf(deliveries));
        assertThat(Database.query(sql("select count(*) from {s}.events"))).isEqualTo(String.valueOf(events));
    }

    /** Checks whether the figure from roll-ups equals the one from raw rows: so it must with a guard, and mustn't without it. */
    void assertExact(boolean exact) {
        FigureComparison.Pair pair = read();
        if (exact) {
            assertThat(pair.rolled()).isEqualTo(pair.raw());
        } else {
            assertThat(pair.rolled()).as("without the guard").isNotEqualTo(pair.raw());
        }
    }

    @Override
    public void close() {
        rollups.removeWithRetained();
        run("drop schema {s} cascade");
    }
}
