package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.sql.DataSource;

/**
 * A gateway's tables at noon of 17 March 2026 with roll-ups, and a copy of them, to which writes are repeated and whose sums are
 * computed row by row. In statements {@code {s}} is the tables' schema and {@code {copy}} that of the copy.
 */
final class GatewayReplay {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    private static final UsageKey MARCH = new UsageKey(
            "org-123",
            UsagePeriod.between(Instant.parse("2026-03-01T00:00:00Z"), Instant.parse("2026-03-17T12:00:00Z")));

    private final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
    private final List<String> transcript = new ArrayList<>();
    private final DataSource home;
    private DataSource dataSource;
    private String schema = "convoy";
    private String way = "";
    private int writes;

    private GatewayReplay(DataSource dataSource) {
        this.home = dataSource;
        this.dataSource = dataSource;
    }

    /** Creates tables with an event in every third hour since 1 February and two attempts to deliver it, and rolls all hours. */
    static GatewayReplay begin(DataSource dataSource) {
        GatewayReplay replay = new GatewayReplay(dataSource);
        createTables(dataSource, replay.schema);
        createTables(dataSource, "copy");
        replay.onCopy(
                "alter table {copy}.event_deliveries drop constraint event_deliveries_event_id_fkey",
                "alter table {copy}.delivery_attempts drop constraint delivery_attempts_event_delivery_id_fkey");
        replay.writeBoth(
                "insert into {s}.projects values ('p', 'org-123', null), ('q', 'org-123', null)",
                "insert into {s}.events select 'e' || n, case n % 3 when 0 then 'q' else 'p' end, repeat('é', n % 5), 'data',"
                        + " timestamptz '2026-03-17T11:20Z' - n * interval '3 hours' from generate_series(0, 350) n",
                "insert into {s}.event_deliveries select 'd' || substr(id, 2), project_id, id,"
                        + " case when right(id, 1) = '3' then 'Failure' else 'Success' end, created_at from {s}.events",
                "insert into {s}.delivery_attempts select 'a1' || id, id from {s}.event_deliveries",
                "insert into {s}.delivery_attempts select 'a2' || id, id from {s}.event_deliveries");
        replay.rollups().install();
        replay.roll();
        return replay;
    }

    static void createTables(DataSource dataSource, String schema) {
        FixtureSql.run(dataSource, """
                create schema {s};
                create table {s}.projects (id varchar primary key, organisation_id varchar not null, deleted_at timestamptz);
                create table {s}.events (id varchar primary key, project_id varchar not null references {s}.projects,
                    raw text not null, data bytea not null, created_at timestamptz not null default now(), deleted_at timestamptz);
                create table {s}.event_deliveries (id varchar primary key, project_id varchar not null references {s}.projects,
                    event_id varchar not null constraint event_deliveries_event_id_fkey references {s}.events on delete cascade,
                    status text not null, created_at timestamptz not null default now());
                create table {s}.delivery_attempts (id varchar primary key, event_delivery_id varchar not null
                    constraint delivery_attempts_event_delivery_id_fkey references {s}.event_deliveries on delete cascade);
                """.replace("{s}", schema));
    }

    PostgresRollups rollups() {
        return rollupsOf(dataSource);
    }

    PostgresRollups rollupsOf(DataSource any) {
        return PostgresRollups.builder(any)
                .mapping(TableMapping.gateway(schema))
                .clock(clock)
                .listener(new RollupListener() {
                    @Override
                    public void fromRollups(UsageKey key, long liveHours, long markedHours) {
                        way = "rolled";
                    }

                    @Override
                    public void fromRawRows(UsageKey key, Fallback why) {
                        way = why.name();
                    }
                })
                .build();
    }

    void roll() {
        try (RollupWorker worker = rollups().worker().settle(Duration.ZERO).build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
    }

    void installAndRoll() {
        rollups().install();
        roll();
    }

    /** Runs statements in one transaction that change no row. */
    void run(String step, String statements) {
        FixtureSql.run(dataSource, sql(statements));
        say(step);
    }

    /** Runs a write in the tables and in their copy. */
    void both(String step, String statement) {
        writeBoth(statement);
        say(step);
    }

    void onCopy(String... statements) {
        for (String statement : statements) {
            FixtureSql.run(home, sql(statement));
        }
    }

    private void writeBoth(String... statements) {
        for (String statement : statements) {
            FixtureSql.run(dataSource, sql(statement));
            FixtureSql.run(home, statement.replace("{s}", "copy"));
        }
    }

    private String sql(String statement) {
        return statement.replace("{s}", schema).replace("{copy}", "copy");
    }

    /** Late changes of every kind. */
    void writeLate() {
        int n = ++writes;
        String late = "'late" + n + "'";
        writeBoth(
                "insert into {s}.events values (" + late + ", 'p', 'late', 'data', '2026-03-16T09:40Z')",
                "insert into {s}.event_deliveries values (" + late + ", 'p', " + late
                        + ", 'Success', '2026-03-16T09:41Z')",
                "update {s}.event_deliveries set status = 'Failure' where id = 'd" + 3 * n + "'",
                "update {s}.events set raw = raw || 'longer' where id = 'e" + (3 * n + 1) + "'",
                "delete from {s}.event_deliveries where id = 'd" + (3 * n + 2) + "'");
    }

    void say(String step) {
        transcript.add("| " + step + " | | |");
    }

    /** Reads the figure, which has to be right, and to come from one of these sources. */
    void exact(String step, String... ways) {
        way = "";
        OrganisationUsage usage = rollups().calculator().calculate(MARCH, TIMEOUT);
        CombinedQuery.Totals expected = expected();
        transcript.add(String.format(
                Locale.ROOT,
                "| %s | %d events, %d octets; %d deliveries, %d octets | %s |",
                step,
                usage.received().volume(),
                usage.received().bytes(),
                usage.sent().volume(),
                usage.sent().bytes(),
                way));
        assertThat(new CombinedQuery.Totals(usage.received(), usage.sent(), usage.unmeasured()))
                .as("%s, read %s, after%n%s", step, way, String.join("\n", transcript))
                .isEqualTo(expected);
        assertThat(way).as("after%n%s", String.join("\n", transcript)).isIn((Object[]) ways);
    }

    void exactFromRawRows(String step) {
        exact(step, "ABSENT", "FOREIGN", "ALTERED");
    }

    /** There must be no figure, and an error that says why. */
    void refused(String step, String... words) {
        UsageException error = catchThrowableOfType(
                UsageException.class, () -> rollups().calculator().calculate(MARCH, TIMEOUT));
        assertThat(error).as("after%n%s", String.join("\n", transcript)).hasMessageContainingAll(words);
        transcript.add("| " + step + " | " + error.getMessage() + " | refused |");
    }

    /** What the copy sums up to; of the deliveries whose event is gone there are no octets. */
    private CombinedQuery.Totals expected() {
        long[] sums = new long[5];
        String window = " created_at >= '2026-03-01Z' and created_at < '2026-03-17T12:00Z'";
        sum(
                "select 1, octet_length(convert_to(raw, 'UTF8')), octet_length(data), 0 from copy.events where deleted_at is null and"
                        + window + " and project_id in (select id from copy.projects where deleted_at is null)",
                sums,
                0);
        sum(
                "select 1, octet_length(convert_to(e.raw, 'UTF8')), octet_length(e.data), (e.id is null)::int from"
                        + " (select * from copy.event_deliveries where status = 'Success' and" + window
                        + " and project_id in (select id from copy.projects where deleted_at is null)) d"
                        + " left join copy.events e on e.id = d.event_id",
                sums,
                2);
        return new CombinedQuery.Totals(
                new UsageMetrics(sums[0], sums[1]), new UsageMetrics(sums[2], sums[3]), sums[4]);
    }

    /** Adds up rows one by one. */
    private void sum(String sql, long[] sums, int at) {
        try (Connection connection = home.getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                sums[at] += rows.getLong(1);
                sums[at + 1] += rows.getLong(2) + rows.getLong(3);
                sums[4] += rows.getLong(4);
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage() + ": " + sql, e);
        }
    }

    void tablesAreIn(String other) {
        schema = other;
    }

    void continueOn(DataSource other) {
        dataSource = other;
    }

    /** Returns the tables of the gateway and of the roll-ups, a referenced one before those that refer to it. */
    List<String> tables() {
        List<String> tables = new ArrayList<>();
        String sql =
                "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                        + " where n.nspname in ('" + schema + "', '" + schema
                        + "_rollups') and c.relkind = 'r' order by 1";
        try (Connection connection = dataSource.getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                tables.add(rows.getString(1));
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage() + ": " + sql, e);
        }
        return tables;
    }

    void print() {
        System.out.println(
                "GatewayOperationsIT:\n| step | figure | read from |\n|---|---|---|\n" + String.join("\n", transcript));
    }
}
