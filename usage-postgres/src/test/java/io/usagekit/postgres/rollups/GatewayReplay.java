package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Stream;
import javax.sql.DataSource;

/**
 * A gateway's tables at noon of 17 March 2026 with roll-ups, and a copy of them, to which writes are repeated and whose sums are
 * computed row by row. In statements {@code {s}} is the tables' schema and {@code {copy}} that of the copy.
 */
final class GatewayReplay {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final int MOST_WORDS = 150;

    /** March as far as it is over, the month before, a day elsewhere, and a window whose edges cut hours. */
    private static final List<UsageKey> KEYS = Stream.of(
                    UsagePeriod.between(Instant.parse("2026-03-01T00:00:00Z"), Instant.parse("2026-03-17T12:00:00Z")),
                    UsagePeriod.month(YearMonth.of(2026, 2)),
                    UsagePeriod.day(LocalDate.of(2026, 3, 8), ZoneId.of("America/New_York")),
                    UsagePeriod.between(Instant.parse("2026-02-20T02:15:00Z"), Instant.parse("2026-03-11T05:45:00Z")))
            .map(period -> new UsageKey("org-123", period))
            .toList();

    private static final UsageKey MARCH = KEYS.get(0);

    private final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
    private final List<String> transcript = new ArrayList<>();
    private final DataSource home;
    private DataSource dataSource;
    private String schema = "convoy";
    private String way = "";
    private int writes;
    private int figures;
    private int refusals;

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

    PostgresPartitions partitions() {
        return PostgresPartitions.builder(dataSource)
                .mapping(TableMapping.gateway(schema))
                .rollups(rollups())
                .clock(clock)
                .build();
    }

    void roll() {
        assertThat(RollupFixture.runWorker(rollups()).finished()).isTrue();
    }

    void installAndRoll() {
        rollups().install();
        roll();
    }

    /** Runs statements in one transaction that change no row. */
    void run(String step, String statements) {
        FixtureSql.run(dataSource, sql(statements));
        say(step, statements);
    }

    /** Runs a write in the tables and in their copy. */
    void both(String step, String... statements) {
        writeBoth(statements);
        say(step, String.join("; ", statements));
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

    /** Adds a step to the transcript, with what was run or called. */
    void say(String step, String statements) {
        String words = statements.replaceAll("\\s+", " ").replace("|", "\\|").strip();
        transcript.add("| " + step + " | `"
                + (words.length() > MOST_WORDS ? words.substring(0, MOST_WORDS) + " ..." : words) + "` | | | |");
    }

    /** Reads all figures in each way, which have to be right, and that of March to come from one of these sources. */
    void exact(String step, String... sources) {
        way = "";
        PostgresRollups rollups = rollups();
        OrganisationUsage usage = rollups.calculator().calculate(MARCH, TIMEOUT);
        String from = way;
        int compared = 0;
        Map<String, Function<UsageKey, CombinedQuery.Totals>> ways = ways(rollups);
        for (UsageKey key : KEYS) {
            CombinedQuery.Totals expected = expected(key);
            for (Map.Entry<String, Function<UsageKey, CombinedQuery.Totals>> read : ways.entrySet()) {
                assertThat(read.getValue().apply(key))
                        .as("%s, %s by %s, after%n%s", step, key, read.getKey(), String.join("\n", transcript))
                        .isEqualTo(expected);
                compared++;
            }
        }
        figures += compared;
        transcript.add(String.format(
                Locale.ROOT,
                "| %s | | %d | 0 | %s (March: %d events, %d octets; %d deliveries, %d octets) |",
                step,
                compared,
                from,
                usage.received().volume(),
                usage.received().bytes(),
                usage.sent().volume(),
                usage.sent().bytes()));
        assertThat(from).as("after%n%s", String.join("\n", transcript)).isIn((Object[]) sources);
    }

    void exactFromRawRows(String step) {
        exact(step, "ABSENT", "FOREIGN", "ALTERED");
    }

    /** There must be no figure in any way of reading, and an error that says why. */
    void refused(String step, String... words) {
        List<String> messages = new ArrayList<>();
        ways(rollups()).forEach((name, read) -> {
            for (UsageKey key : KEYS) {
                try {
                    CombinedQuery.Totals figure = read.apply(key);
                    assertThat(figure)
                            .as("%s, %s by %s isn't refused, after%n%s", step, key, name, String.join("\n", transcript))
                            .isEqualTo(expected(key));
                    figures++;
                } catch (UsageException e) {
                    messages.add(String.valueOf(e.getMessage()));
                }
            }
        });
        assertThat(messages)
                .as("after%n%s", String.join("\n", transcript))
                .anySatisfy(message -> assertThat(message).contains(words))
                .allSatisfy(message -> assertThat(message).hasSizeGreaterThan(MOST_WORDS / 5));
        refusals += messages.size();
        transcript.add("| " + step + " | | " + messages.size() + " refused | 0 | "
                + messages.get(0).replaceAll("\\s+", " ").replace("|", "\\|") + " |");
    }

    /** The ways in which a host reads a figure. */
    private Map<String, Function<UsageKey, CombinedQuery.Totals>> ways(PostgresRollups rollups) {
        Map<String, Function<UsageKey, CombinedQuery.Totals>> ways = new LinkedHashMap<>();
        UsageCalculator calculator = rollups.calculator();
        ways.put("calculator", key -> totals(calculator.calculate(key, TIMEOUT)));
        ways.put("batch", key -> {
            UsageCalculator.Figures answers = calculator.calculateAll(KEYS, TIMEOUT);
            UsageException failure = answers.failures().get(key);
            if (failure != null) {
                throw failure;
            }
            return totals(Objects.requireNonNull(answers.figures().get(key)));
        });
        ways.put("all organisations", key -> {
            List<CombinedQuery.Totals> all = new ArrayList<>();
            rollups.calculateAll(key.period(), TIMEOUT, usage -> all.add(totals(usage)));
            return sum(all.stream());
        });
        ways.put(
                "projects",
                key -> sum(rollups.byProject(key, TIMEOUT).stream()
                        .map(project ->
                                new CombinedQuery.Totals(project.received(), project.sent(), project.unmeasured()))));
        ways.put(
                "days",
                key -> sum(rollups.series(key, UsageSeriesGranularity.DAY, ZoneOffset.UTC, TIMEOUT).stream()
                        .map(point -> new CombinedQuery.Totals(point.received(), point.sent(), point.unmeasured()))));
        PostgresRows rows = PostgresRows.of(dataSource, TableMapping.gateway(schema));
        ways.put(
                "rows",
                key -> new CombinedQuery.Totals(
                        rows.readReceived(key, row -> {}).figure(),
                        rows.readSent(key, row -> {}).figure(),
                        expected(key).unmeasured()));
        return ways;
    }

    private static CombinedQuery.Totals totals(OrganisationUsage usage) {
        return new CombinedQuery.Totals(usage.received(), usage.sent(), usage.unmeasured());
    }

    private static CombinedQuery.Totals sum(Stream<CombinedQuery.Totals> parts) {
        return parts.reduce(
                new CombinedQuery.Totals(UsageMetrics.ZERO, UsageMetrics.ZERO, 0),
                (a, b) -> new CombinedQuery.Totals(
                        a.received().plus(b.received()), a.sent().plus(b.sent()), a.unmeasured() + b.unmeasured()));
    }

    /** What the copy sums up to; of the deliveries whose event is gone there are no octets. */
    private CombinedQuery.Totals expected(UsageKey key) {
        long[] sums = new long[5];
        String window = " created_at >= '" + key.period().start() + "' and created_at < '"
                + key.period().end() + "'";
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

    /** Returns the tables of the gateway and of the roll-ups. */
    List<String> tables() {
        return FixtureSql.texts(
                dataSource,
                "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                        + " where n.nspname in ('" + schema + "', '" + schema
                        + "_rollups') and c.relkind = 'r' order by 1");
    }

    void print(String title) {
        System.out.printf(
                "%s: %d figures compared, 0 wrong, %d refused in words%n| step | statements | figures | wrong | read from, or why refused |%n"
                        + "|---|---|---|---|---|%n%s%n",
                title, figures, refusals, String.join("\n", transcript));
    }
}
