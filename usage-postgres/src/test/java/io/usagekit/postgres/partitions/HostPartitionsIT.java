package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rollups.FigureComparison;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tables that the host partitioned itself: what is there, what is created ahead of time and dropped, and what is refused. */
class HostPartitionsIT {

    private static final UsageKey MARCH = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final String PLAIN = "";

    private final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
    private String schema = "";
    private TableMapping mapping = TableMapping.gateway();
    private PostgresRollups rollups = PostgresRollups.of(Database.pool(), mapping);
    private PostgresPartitions partitions = PostgresPartitions.of(Database.pool(), mapping);

    @BeforeEach
    void name() {
        schema = Database.newSchema("host");
        mapping = TableMapping.gateway(schema);
        rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .clock(clock)
                .build();
        partitions = PostgresPartitions.builder(Database.pool())
                .mapping(mapping)
                .rollups(rollups)
                .clock(clock)
                .ahead(2)
                .build();
    }

    @AfterEach
    void drop() {
        rollups.removeWithRetained();
        Database.dropSchema(schema + "_partitions");
        Database.dropSchema(schema);
    }

    private void run(String... statements) {
        for (String statement : statements) {
            Database.execute(statement.replace("{s}", Identifiers.quote(schema)));
        }
    }

    private void tables(String events, String deliveries) {
        run(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar, project_id varchar, raw text, data bytea, created_at timestamptz not null, deleted_at timestamptz)"
                        + events,
                "create table {s}.event_deliveries (id varchar, project_id varchar, event_id varchar, status text, created_at timestamptz not null)"
                        + deliveries,
                "insert into {s}.projects values ('p', 'org-123'), ('q', 'org-123')");
    }

    private void rowsAt(String... times) {
        for (String time : times) {
            for (String project : List.of("p", "q")) {
                run(
                        "insert into {s}.events values ('" + time + project + "', '" + project + "', 'seven b', '', '"
                                + time + "')",
                        "insert into {s}.event_deliveries values ('" + time + project + "', '" + project + "', '" + time
                                + project + "', 'Success', '" + time + "')");
            }
        }
    }

    private void roll() {
        rollups.install();
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
    }

    private CombinedQuery.Totals figure() {
        FigureComparison.Pair pair = new FigureComparison(Database.pool(), rollups, mapping).compare(MARCH);
        assertThat(pair.rolled()).isEqualTo(pair.raw());
        return pair.rolled();
    }

    /** Creates partitions ahead of time, twice, and checks that roll-ups are still relied on. */
    private CreateAheadResult createAhead() {
        roll();
        CombinedQuery.Totals before = figure();
        CreateAheadResult result = partitions.createAhead();
        assertThat(partitions.createAhead())
                .as("again")
                .isEqualTo(new CreateAheadResult(List.of(), result.occupied(), result.refused()));
        assertThat(rollups.status().orElseThrow().alterations()).isEmpty();
        assertThat(figure()).isEqualTo(before);
        return result;
    }

    @Test
    void continuesDays() {
        tables(" partition by range (created_at)", PLAIN);
        for (int day = 14; day <= 17; day++) {
            run("create table {s}.events_202603" + day + " partition of {s}.events for values from ('2026-03-" + day
                    + "Z') to ('2026-03-" + (day + 1) + "Z')");
        }
        rowsAt("2026-03-16T10:00:00Z");

        assertThat(createAhead().created()).containsExactly("events_20260318", "events_20260319");

        PartitionStatus.Table events = partitions.status().events();
        assertThat(events.interval()).isEmpty();
        assertThat(events.key()).contains("RANGE (created_at)");
        assertThat(events.partitions())
                .extracting(PartitionStatus.Partition::name)
                .containsExactly(
                        "events_20260314",
                        "events_20260315",
                        "events_20260316",
                        "events_20260317",
                        "events_20260318",
                        "events_20260319");
        assertThat(events.partitions().get(2)).satisfies(partition -> {
            assertThat(partition.lower()).contains(Instant.parse("2026-03-16T00:00:00Z"));
            assertThat(partition.bytes()).isPositive();
        });
        assertThat(partitions.status().deliveries().key()).isEmpty();
        run("insert into {s}.events values ('new', 'p', 'x', '', '2026-03-19T10:00:00Z')");
    }

    /** The newest partition, and the one that follows it. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "events_y2026m03 | 2026-03-01Z | 2026-04-01Z | events_p202604",
                "events_2026_03 | 2026-03-01Z | 2026-04-01Z | events_2026_04",
                "events_202603_x | 2026-03-15Z | 2026-04-15Z | events_202604_x",
                "events_2026-03-15 | 2026-03-15Z | 2026-03-22Z | events_2026-03-22",
                "events_now | 2026-03-17Z | 2026-03-18Z | events_p20260318",
            })
    void continuesIntervals(String name, String lower, String upper, String next) {
        tables(" partition by range (created_at)", PLAIN);
        run("create table {s}.\"" + name + "\" partition of {s}.events for values from ('" + lower + "') to ('" + upper
                + "') with (fillfactor = 70)");
        run("alter table {s}.\"" + name + "\" replica identity full");

        CreateAheadResult result = partitions.createAhead();

        assertThat(result.created()).hasSize(2);
        assertThat(result.created().get(0)).isEqualTo(next);
        assertThat(Database.query(
                        "select reloptions::text || relreplident::text from pg_class where oid = to_regclass(?)",
                        Identifiers.qualified(schema, next)))
                .isEqualTo("{fillfactor=70}f");
    }

    private void projectsThenDays() {
        tables(" partition by list (project_id)", " partition by list (project_id)");
        for (String table : List.of("events", "event_deliveries")) {
            for (String project : List.of("p", "q")) {
                String parent = table + "_" + project;
                run("create table {s}." + parent + " partition of {s}." + table + " for values in ('" + project
                        + "') partition by range (created_at)");
                for (int day = 14; day <= 17; day++) {
                    run("create table {s}." + parent + "_2026_03_" + day + " partition of {s}." + parent
                            + " for values from ('2026-03-" + day + "Z') to ('2026-03-" + (day + 1) + "Z')");
                }
            }
            run("create table {s}." + table + "_rest partition of {s}." + table + " default");
        }
    }

    @Test
    void continuesDaysOfEachProject() {
        projectsThenDays();
        rowsAt("2026-03-16T10:00:00Z");

        assertThat(createAhead())
                .isEqualTo(new CreateAheadResult(
                        List.of(
                                "events_p_2026_03_18",
                                "events_p_2026_03_19",
                                "events_q_2026_03_18",
                                "events_q_2026_03_19",
                                "event_deliveries_p_2026_03_18",
                                "event_deliveries_p_2026_03_19",
                                "event_deliveries_q_2026_03_18",
                                "event_deliveries_q_2026_03_19"),
                        List.of(),
                        List.of()));

        assertThat(partitions.status().events().partitions())
                .extracting(
                        PartitionStatus.Partition::bound,
                        partition -> partition.key().orElse(""),
                        partition -> partition.partitions().size())
                .containsExactly(
                        tuple("FOR VALUES IN ('p')", "RANGE (created_at)", 6),
                        tuple("FOR VALUES IN ('q')", "RANGE (created_at)", 6),
                        tuple("DEFAULT", "", 0));
    }

    @Test
    void dropsDaysOfEachProjectAndKeepsTheirSums() {
        projectsThenDays();
        rowsAt("2026-03-14T10:00:00Z", "2026-03-15T10:00:00Z", "2026-03-16T10:00:00Z");
        run("insert into {s}.events values ('failed', 'q', 'seven b', '', '2026-03-14T11:00:00Z')");
        roll();
        CombinedQuery.Totals before = figure();

        PartitionExpiryResult expiry =
                partitions.dropExpired(Instant.parse("2026-03-16T00:00:00Z"), new RetentionProgress() {});

        assertThat(expiry.retention().events()).isEqualTo(5);
        assertThat(expiry.dropped())
                .containsExactlyInAnyOrder(
                        "events_p_2026_03_14",
                        "events_p_2026_03_15",
                        "events_q_2026_03_14",
                        "events_q_2026_03_15",
                        "event_deliveries_p_2026_03_14",
                        "event_deliveries_p_2026_03_15",
                        "event_deliveries_q_2026_03_14",
                        "event_deliveries_q_2026_03_15");
        assertThat(expiry.kept()).isEmpty();
        assertThat(rollups.status().orElseThrow().alterations()).isEmpty();
        var after = rollups.calculator().calculate(MARCH, Duration.ofSeconds(30));
        assertThat(new CombinedQuery.Totals(after.received(), after.sent(), after.unmeasured()))
                .isEqualTo(before);
    }

    @Test
    void continuesRangesOfProjectAndDay() {
        tables(" partition by range (project_id, created_at)", PLAIN);
        for (int day = 16; day <= 17; day++) {
            run("create table {s}.events_p_202603" + day + " partition of {s}.events for values from ('p', '2026-03-"
                    + day + "Z') to ('p', '2026-03-" + (day + 1) + "Z')");
        }
        run(
                "create table {s}.events_rest partition of {s}.events default",
                "insert into {s}.events values ('q', 'q', 'x', '', '2026-03-18T10:00:00Z'), ('p', 'p', 'x', '', '2026-03-19T10:00:00Z')");

        CreateAheadResult result = createAhead();

        assertThat(result.created()).containsExactly("events_p_20260318");
        assertThat(result.occupied()).containsExactly("events_p_20260319");
        assertThat(partitions.status().events().partitions().get(2).bound())
                .isEqualTo("FOR VALUES FROM ('p', '2026-03-18 00:00:00+00') TO ('p', '2026-03-19 00:00:00+00')");
    }

    @Test
    void continuesDaysWithPartitionsBelow() {
        tables(" partition by range (created_at)", PLAIN);
        run(
                "create table {s}.events_20260317 partition of {s}.events for values from ('2026-03-17Z') to ('2026-03-18Z') partition by hash (project_id)",
                "create table {s}.events_20260317_0 partition of {s}.events_20260317 for values with (modulus 2, remainder 0)",
                "create table {s}.events_20260317_1 partition of {s}.events_20260317 for values with (modulus 2, remainder 1)");

        assertThat(createAhead().created()).containsExactly("events_20260318", "events_20260319");

        PartitionStatus.Partition last =
                partitions.status().events().partitions().get(2);
        assertThat(last.key()).contains("HASH (project_id)");
        assertThat(last.partitions())
                .extracting(PartitionStatus.Partition::name)
                .containsExactly("events_20260319_0", "events_20260319_1");
        run("insert into {s}.events values ('new', 'p', 'x', '', '2026-03-19T10:00:00Z')");
    }

    @Test
    void refusesHashAndChangesNothing() {
        tables(" partition by hash (project_id)", " partition by list (status)");
        run(
                "create table {s}.events_0 partition of {s}.events for values with (modulus 1, remainder 0)",
                "create table {s}.event_deliveries_0 partition of {s}.event_deliveries default");
        rowsAt("2026-03-02T10:00:00Z");
        roll();

        assertThat(partitions.status().events().partitions().get(0).bound())
                .isEqualTo("FOR VALUES WITH (modulus 1, remainder 0)");
        String reason = "\"" + schema + "\".\"events\" is partitioned by HASH (project_id), and neither it nor a"
                + " partition of it by the time of its rows";
        assertThatThrownBy(partitions::createAhead)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("no partitions can be created ahead of time: " + reason)
                .hasMessageContaining("by LIST (status)");
        assertThatThrownBy(
                        () -> partitions.dropExpired(Instant.parse("2026-03-10T00:00:00Z"), new RetentionProgress() {}))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("no partition can expire: ")
                .hasMessageContaining(reason)
                .hasMessageContaining("nothing has been deleted");
        assertThat(Database.query("select count(*) from " + Identifiers.qualified(schema, "events")))
                .isEqualTo("2");
    }

    @Test
    void refusesOneTableAndContinuesTheOther() {
        tables(" partition by hash (project_id)", " partition by range (created_at)");
        run(
                "create table {s}.events_0 partition of {s}.events for values with (modulus 1, remainder 0)",
                "create table {s}.event_deliveries_202603 partition of {s}.event_deliveries for values from ('2026-03-01Z') to ('2026-04-01Z')");

        CreateAheadResult result = createAhead();

        assertThat(result.created()).containsExactly("event_deliveries_202604", "event_deliveries_202605");
        assertThat(result.refused()).singleElement().asString().contains("by HASH (project_id)");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "from ('2026-03-11Z') to ('2026-03-21Z') | is no day, week or month in UTC",
                "from ('2026-03-17 05:00Z') to ('2026-03-18 05:00Z') | is no day, week or month in UTC",
                "from ('2026-03-17Z') to (maxvalue) | has all later times, FOR VALUES FROM",
                "from ('2026-03-17Z') to ('infinity') | has all later times",
                "from (minvalue) to ('2026-03-18Z') | has no partition from which the interval can be told",
            })
    void refusesIrregularRanges(String bound, String reason) {
        tables(" partition by range (created_at)", PLAIN);
        run("create table {s}.events_x partition of {s}.events for values " + bound);

        assertThatThrownBy(partitions::createAhead)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("the partitions of \"" + schema + "\".\"events\" can't be continued: ")
                .hasMessageContaining(reason);
    }

    @Test
    void refusesPartitionsWithIndexesAndTriggersOfTheirOwn() {
        tables(" partition by range (created_at)", PLAIN);
        run(
                "create table {s}.events_x partition of {s}.events for values from ('2026-03-17Z') to ('2026-03-18Z')",
                "create unique index events_x_id on {s}.events_x (id)",
                "create function {s}.nothing() returns trigger language plpgsql as 'begin return new; end'",
                "create trigger host after insert on {s}.events_x for each row execute function {s}.nothing()");

        assertThatThrownBy(partitions::createAhead)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("would lack what \"" + schema
                        + "\".\"events_x\" has by itself: the index events_x_id, the trigger host; create it on \""
                        + schema
                        + "\".\"events\"");
    }

    @Test
    void refusesPartitionsWithConstraintsOfTheirOwn() {
        tables(" partition by range (created_at)", " partition by range (created_at)");
        run(
                "create table {s}.events_x partition of {s}.events for values from ('2026-03-17Z') to ('2026-03-18Z')",
                "alter table {s}.events_x add constraint owned foreign key (project_id) references {s}.projects,"
                        + " add constraint short check (octet_length(raw) < 100),"
                        + " add constraint bounds check (created_at >= '2026-03-17Z' and created_at < '2026-03-18Z')",
                "create table {s}.sent partition of {s}.event_deliveries for values from ('2026-03-17Z') to ('2026-03-18Z')"
                        + " partition by list (status)",
                "create table {s}.sent_all partition of {s}.sent default",
                "create unique index sent_once on {s}.sent_all (id)");

        assertThatThrownBy(partitions::createAhead)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining(
                        "\"events_x\" has by itself: the check constraint short, the foreign key owned; create it on")
                .hasMessageContaining(
                        "\"sent\" has by itself: the index sent_once of " + schema + ".sent_all; create it on");
        assertThat(Database.query("select count(*) from pg_inherits i join pg_class c on c.oid = i.inhparent"
                        + " where c.relnamespace = '" + schema + "'::regnamespace and c.relkind = 'p'"))
                .isEqualTo("3");
    }

    @Test
    void continuesPartitionsThatWereAttachedWithACheckOfTheirBounds() {
        tables(" partition by range (created_at)", PLAIN);
        run(
                "create table {s}.events_20260317 (like {s}.events)",
                "alter table {s}.events_20260317 add constraint bounds check (created_at >= '2026-03-17Z' and created_at < '2026-03-18Z')",
                "alter table {s}.events attach partition {s}.events_20260317 for values from ('2026-03-17Z') to ('2026-03-18Z')");

        assertThat(createAhead().created()).containsExactly("events_20260318", "events_20260319");
    }

    @Test
    void saysThatDefaultPartitionHoldsRowsOfNextMonth() {
        tables(" partition by range (created_at)", PLAIN);
        run(
                "create table {s}.events_202603 partition of {s}.events for values from ('2026-03-01Z') to ('2026-04-01Z')",
                "create table {s}.events_rest partition of {s}.events default",
                "insert into {s}.events values ('early', 'p', 'x', '', '2026-04-10T10:00:00Z')");

        CreateAheadResult result = createAhead();

        assertThat(result.created()).containsExactly("events_202605");
        assertThat(result.occupied()).containsExactly("events_202604");
    }
}
