package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import javax.sql.DataSource;

/**
 * A gateway's tables at noon of 17 March 2026, and a copy of them beside, to which the host's writes are repeated and from which nothing is
 * deleted by retention: what it sums up to is right. In statements {@code {s}} is the tables' schema, {@code {r}} that of the roll-ups.
 */
final class RestoreFixture implements AutoCloseable {

    static final Duration TIMEOUT = Duration.ofSeconds(30);

    /** March as far as it is over. */
    static final UsageKey MARCH = new UsageKey(
            "org-123",
            UsagePeriod.between(Instant.parse("2026-03-01T00:00:00Z"), Instant.parse("2026-03-17T12:00:00Z")));

    final DataSource dataSource;
    final String schema;
    final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");

    /** How figures were computed: {@code rolled}, or why from raw rows. */
    final List<String> notifications = new ArrayList<>();

    private final String copy;

    private RestoreFixture(DataSource dataSource, String schema) {
        this.dataSource = dataSource;
        this.schema = schema;
        this.copy = schema + "_copy";
    }

    /** Creates the tables with an event of 7 octets in every third hour since 1 February, each of which was delivered. */
    static RestoreFixture create(DataSource dataSource) {
        RestoreFixture fixture = new RestoreFixture(dataSource, Database.newSchema("restored"));
        fixture.createTables();
        fixture.run(
                "insert into {s}.projects values ('p', 'org-123', null), ('q', 'org-123', null)",
                "insert into {s}.events select 'e' || n, case n % 3 when 0 then 'q' else 'p' end, 'seven b', '', timestamptz"
                        + " '2026-03-17T11:20:00Z' - n * interval '3 hours' from generate_series(0, 350) n",
                "insert into {s}.event_deliveries select 'd' || substr(id, 2), project_id, id, 'Success', created_at from {s}.events",
                "insert into {copy}.projects table {s}.projects",
                "insert into {copy}.events table {s}.events",
                "insert into {copy}.event_deliveries table {s}.event_deliveries");
        return fixture;
    }

    /** Creates the same tables in another database, without rows. */
    RestoreFixture emptyIn(DataSource other) {
        RestoreFixture fixture = new RestoreFixture(other, schema);
        fixture.createTables();
        return fixture;
    }

    private void createTables() {
        run(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar primary key, project_id varchar, raw text not null default '', data bytea not null default '', created_at timestamptz, deleted_at timestamptz)",
                "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamptz)",
                "create schema {copy}",
                "create table {copy}.projects (like {s}.projects)",
                "create table {copy}.events (like {s}.events)",
                "create table {copy}.event_deliveries (like {s}.event_deliveries)");
    }

    /** Runs statements in auto-commit mode. */
    void run(String... statements) {
        for (String statement : statements) {
            FixtureSql.run(dataSource, sql(statement, schema));
        }
    }

    /** Runs the host's writes, in the tables in this schema and in their copy. */
    void write(String tables, String... statements) {
        for (String statement : statements) {
            FixtureSql.run(dataSource, sql(statement, tables));
            FixtureSql.run(dataSource, sql(statement, copy));
        }
    }

    String sql(String statement, String tables) {
        return statement
                .replace("{s}", Identifiers.quote(tables))
                .replace("{r}", Identifiers.quote(schema + "_rollups"))
                .replace("{copy}", Identifiers.quote(copy));
    }

    /** Returns roll-ups of the tables in a schema. */
    PostgresRollups rollups(String tables, String rollups) {
        return rollups(TableMapping.gateway(tables), rollups);
    }

    PostgresRollups rollups(TableMapping mapping, String rollups) {
        return PostgresRollups.builder(dataSource)
                .mapping(mapping)
                .schema(rollups)
                .clock(clock)
                .listener(FigureWays.to(notifications))
                .build();
    }

    PostgresRollups rollups() {
        return rollups(schema, schema + "_rollups");
    }

    /** Installs roll-ups, rolls all hours, and deletes the rows that were created before this, if there is an instant. */
    PostgresRollups install(String before) {
        PostgresRollups rollups = rollups();
        rollups.install();
        roll(rollups);
        if (!before.isEmpty()) {
            assertThat(rollups.deleteBefore(Instant.parse(before), new RetentionProgress() {})
                            .events())
                    .isPositive();
            roll(rollups);
        }
        assertRolled(rollups);
        return rollups;
    }

    void roll(PostgresRollups rollups) {
        assertThat(RollupFixture.runWorker(rollups).finished()).isTrue();
    }

    /** Returns what the copy sums up to. */
    CombinedQuery.Totals expected() {
        String window = ".created_at >= '2026-03-01Z' and %1$s.created_at < '2026-03-17T12:00:00Z'";
        List<Long> received = numbers("select count(*), coalesce(sum(octet_length(e.raw) + octet_length(e.data)), 0)"
                + " from {copy}.events e where e" + window.replace("%1$s", "e") + " and e.deleted_at is null");
        List<Long> sent = numbers("select count(*), coalesce(sum(octet_length(e.raw) + octet_length(e.data)), 0),"
                + " count(*) filter (where e.id is null) from {copy}.event_deliveries d left join {copy}.events e on"
                + " e.id = d.event_id where d" + window.replace("%1$s", "d") + " and d.status = 'Success'");
        return new CombinedQuery.Totals(
                new UsageMetrics(received.get(0), received.get(1)),
                new UsageMetrics(sent.get(0), sent.get(1)),
                sent.get(2));
    }

    private List<Long> numbers(String sql) {
        return FixtureSql.numbers(dataSource, sql(sql, schema));
    }

    /** Checks the figure in each way of reading it, and that it came from rolled hours. */
    void assertRolled(PostgresRollups rollups) {
        assertExact(rollups, "rolled");
        Map<String, CombinedQuery.Totals> ways = new TreeMap<>();
        UsageMetrics received = UsageMetrics.ZERO;
        UsageMetrics sent = UsageMetrics.ZERO;
        long unmeasured = 0;
        for (ProjectUsage project : rollups.byProject(MARCH, TIMEOUT)) {
            received = received.plus(project.received());
            sent = sent.plus(project.sent());
            unmeasured += project.unmeasured();
        }
        ways.put("projects", new CombinedQuery.Totals(received, sent, unmeasured));
        received = UsageMetrics.ZERO;
        sent = UsageMetrics.ZERO;
        unmeasured = 0;
        for (UsageSeriesPoint point : rollups.series(MARCH, UsageSeriesGranularity.DAY, ZoneOffset.UTC, TIMEOUT)) {
            received = received.plus(point.received());
            sent = sent.plus(point.sent());
            unmeasured += point.unmeasured();
        }
        ways.put("series", new CombinedQuery.Totals(received, sent, unmeasured));
        CombinedQuery.Totals expected = expected();
        assertThat(ways).allSatisfy((way, totals) -> assertThat(totals).as(way).isEqualTo(expected));
        assertThat(rollups.status().orElseThrow().alterations()).isEmpty();
        assertThat(rollups.verify(new VerificationProgress() {})).isZero();
    }

    /** Checks the figure, alone and in a batch, and how it was computed. */
    void assertExact(PostgresRollups rollups, String way) {
        notifications.clear();
        CombinedQuery.Totals expected = expected();
        assertThat(totals(rollups.calculator().calculate(MARCH, TIMEOUT))).isEqualTo(expected);
        assertThat(totals(Objects.requireNonNull(rollups.calculator()
                        .calculateAll(List.of(MARCH), TIMEOUT)
                        .figures()
                        .get(MARCH))))
                .isEqualTo(expected);
        assertThat(notifications).containsExactly(way, way);
    }

    private static CombinedQuery.Totals totals(OrganisationUsage usage) {
        return new CombinedQuery.Totals(usage.received(), usage.sent(), usage.unmeasured());
    }

    /** Checks that there is no figure, and that the error says why. */
    void assertRefused(PostgresRollups rollups, String... words) {
        assertThatThrownBy(() -> rollups.calculator().calculate(MARCH, TIMEOUT))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContainingAll(words);
        assertThat(rollups.calculator()
                        .calculateAll(List.of(MARCH), TIMEOUT)
                        .failures()
                        .get(MARCH))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContainingAll(words);
    }

    /** Late changes of every kind, which are marked only if triggers work. */
    void writeLate(String tables) {
        write(
                tables,
                "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-16T09:40:00Z')",
                "insert into {s}.event_deliveries values ('late', 'p', 'late', 'Success', '2026-03-16T09:41:00Z')",
                "update {s}.event_deliveries set status = 'Failure' where id = 'd2'",
                "update {s}.events set raw = 'longer than it was' where id = 'e3'",
                "update {s}.events set deleted_at = now() where id = 'e4'",
                "delete from {s}.events where id = 'e5'");
    }

    /** More of them. */
    void writeLater() {
        write(
                schema,
                "insert into {s}.events values ('later', 'q', '12345', '', '2026-03-15T09:40:00Z')",
                "delete from {s}.event_deliveries where id = 'd6'");
    }

    /** Returns the names of the triggers of roll-ups on the tables in a schema. */
    List<String> triggers(String tables) {
        return Database.column("select distinct tgname from pg_trigger where tgrelid in ('" + Identifiers.quote(tables)
                + ".events'::regclass, '" + Identifiers.quote(tables)
                + ".event_deliveries'::regclass) and tgname like 'usagekit%' order by 1");
    }

    @Override
    public void close() {
        for (String name : Database.column("select nspname from pg_namespace where nspname like ?", schema + "%")) {
            FixtureSql.run(dataSource, "drop schema " + Identifiers.quote(name) + " cascade");
        }
    }
}
