package io.usagekit.postgres.internal.times;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The times in which partitions have rows are found by the bounds and the files of partitions. */
class FilledTimeIT {

    private static final String BEFORE = "2026-04-01 00:00:00+00";

    private String schema = "";

    /** Is kept through a test. */
    private @Nullable FilledTimes known;

    @BeforeEach
    void create() {
        schema = Database.newSchema("filled");
        run("create schema {s}");
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    private void run(String... statements) {
        Database.execute(Stream.of(statements)
                .map(sql -> sql.replace("{s}", Identifiers.quote(schema)))
                .toArray(String[]::new));
    }

    /** Creates the tables; a clause of partitions is empty for none. */
    private void createTables(String time, String events, String deliveries) {
        run(
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar, project_id varchar, raw text, data bytea, created_at " + time
                        + ", deleted_at timestamptz) " + events,
                "create table {s}.event_deliveries (id varchar, project_id varchar, event_id varchar, status text, created_at "
                        + time + ") " + deliveries);
    }

    private static String bounds(String from, String to) {
        return " for values from (" + from + ") to (" + to + ")";
    }

    /** Creates a partition of each of so many days before April, the last one with the number 1. */
    private void createDays(String table, String prefix, int days) {
        run(
                "do $$ begin for n in 1.." + days
                        + " loop execute format('create table {s}." + prefix + "_%s partition of {s}." + table
                        + " for values from (%L) to (%L)', n, date '2026-04-01' - n || ' 00:00Z', date '2026-04-02' - n || ' 00:00Z'); end loop; end $$");
    }

    private void addEvent(String id, String project, String time) {
        run("insert into {s}.events values ('" + id + "', '" + project.replace("'", "''") + "', '', '', '" + time
                + "')");
    }

    private List<String> filled(TableMapping mapping) {
        try (Connection connection = Database.pool().getConnection()) {
            Jdbc.execute(connection, "set timezone = 'UTC'");
            TableShape shape = TableShape.read(connection, mapping);
            List<FilledTime> times = FilledTime.before(connection, shape, BEFORE);
            if (known == null) {
                known = new FilledTimes();
            }
            assertThat(known.before(connection, shape, BEFORE)).isEqualTo(times);
            assertThat(known.before(connection, shape, BEFORE))
                    .as("without a look at bounds")
                    .isEqualTo(times);
            Jdbc.execute(connection, "reset timezone");
            return times.stream().map(time -> time.lower() + " " + time.upper()).toList();
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private List<String> filled() {
        return filled(TableMapping.gateway(schema));
    }

    @Test
    void coversEverythingWithoutPartitions() {
        createTables("timestamptz", "", "");
        assertThat(filled()).containsExactly("-infinity " + BEFORE);
    }

    @Test
    void passesOverPartitionsWithoutRows() {
        createTables("timestamptz", "partition by range (created_at)", "partition by range (created_at)");
        createDays("events", "e", 100);
        createDays("event_deliveries", "d", 100);
        assertThat(filled()).isEmpty();

        addEvent("new", "p", "2026-03-30T05:00:00Z");
        addEvent("old", "p", "2026-01-05T05:00:00Z");
        addEvent("older", "p", "2026-01-02T05:00:00Z");
        run("insert into {s}.event_deliveries values ('d', 'p', 'new', 'Success', '2026-03-31T05:00:00Z')");
        assertThat(filled())
                .as("64 partitions are 32 days of both tables")
                .containsExactly("2026-03-30 00:00:00+00 " + BEFORE, "2026-01-02 00:00:00+00 2026-01-06 00:00:00+00");

        run("create table {s}.late (like {s}.events)", "insert into {s}.late values ('a', 'p', '', '', '2020-01-01Z')");
        run("alter table {s}.events attach partition {s}.late" + bounds("'2020-01-01Z'", "'2020-01-02Z'"));
        assertThat(filled())
                .as("an attached one")
                .hasSize(3)
                .last()
                .isEqualTo("2020-01-01 00:00:00+00 2020-01-02 00:00:00+00");

        run("truncate {s}.late");
        assertThat(filled()).hasSize(2);
    }

    @Test
    void coversEverythingWhereADefaultPartitionHasRows() {
        createTables("timestamptz", "partition by range (created_at)", "partition by range (created_at)");
        createDays("events", "e", 40);
        createDays("event_deliveries", "d", 40);
        run("create table {s}.e_default partition of {s}.events default");
        addEvent("new", "p", "2026-03-30T05:00:00Z");
        assertThat(filled()).as("an empty one").containsExactly("2026-03-30 00:00:00+00 2026-03-31 00:00:00+00");

        addEvent("stray", "p", "2015-06-01T05:00:00Z");
        assertThat(filled()).containsExactly("2026-02-28 00:00:00+00 " + BEFORE, "-infinity 2026-02-28 00:00:00+00");
    }

    @Test
    void takesForeignPartitionsForFilledOnes() {
        createTables("timestamptz", "partition by range (created_at)", "partition by range (created_at)");
        createDays("events", "e", 2);
        String server = schema + "_server";
        assertThat(filled()).isEmpty();
        run(
                "create foreign data wrapper " + Identifiers.quote(server),
                "create server " + Identifiers.quote(server) + " foreign data wrapper " + Identifiers.quote(server),
                "create foreign table {s}.archive partition of {s}.events" + bounds("'2020-01-01Z'", "'2020-01-02Z'")
                        + " server " + Identifiers.quote(server));
        try {
            assertThat(filled()).containsExactly("2020-01-01 00:00:00+00 2020-01-02 00:00:00+00");
        } finally {
            run("drop foreign data wrapper " + Identifiers.quote(server) + " cascade");
        }
    }

    /** The partition with the rows stays attached to the one above it. */
    @Test
    void noticesAParentThatIsAttachedWithOtherBounds() {
        createTables("timestamptz", "partition by range (created_at)", "partition by range (created_at)");
        run(
                "create table {s}.january partition of {s}.events" + bounds("'2026-01-01Z'", "'2026-02-01Z'")
                        + " partition by hash (id)",
                "create table {s}.january_0 partition of {s}.january for values with (modulus 1, remainder 0)");
        addEvent("e", "p", "2026-01-15Z");
        assertThat(filled()).containsExactly("2026-01-01 00:00:00+00 2026-02-01 00:00:00+00");

        run(
                "alter table {s}.events detach partition {s}.january",
                "alter table {s}.events attach partition {s}.january" + bounds("'2025-12-01Z'", "'2026-02-01Z'"));
        assertThat(filled()).containsExactly("2025-12-01 00:00:00+00 2026-02-01 00:00:00+00");
    }

    /** The negative controls are of columns and bounds of which the time doesn't follow. */
    @ParameterizedTest(name = "by {0}: {1} to {2}")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "created_at             | '2026-03-01Z'           | '2026-03-02Z'            | 2026-03-01 00:00:00+00 2026-03-02 00:00:00+00",
                "created_at             | '2026-03-01T01:30:00Z'  | '2026-03-02T01:30:00.5Z' | -infinity 2026-04-01 00:00:00+00",
                "created_at             | '2026-03-01T01:30:00Z'  | '2026-03-02T01:30:00Z'   | 2026-03-01 01:00:00+00 2026-03-02 02:00:00+00",
                "created_at             | MINVALUE                | '2026-03-02Z'            | -infinity 2026-04-01 00:00:00+00",
                "created_at             | '2026-03-01Z'           | MAXVALUE                 | -infinity 2026-04-01 00:00:00+00",
                "created_at             | '-infinity'             | 'infinity'               | -infinity 2026-04-01 00:00:00+00",
                "created_at             | '0044-03-01Z BC'        | '9999-03-01Z'            | -infinity 2026-04-01 00:00:00+00",
                "created_at             | '0044-03-01Z BC'        | '0001-03-01Z BC'         | 0044-03-01 00:00:00+00 BC 0001-03-01 00:00:00+00 BC",
                "project_id, created_at | 'p', '2026-03-01Z'      | 'p', '2026-03-02Z'       | 2026-03-01 00:00:00+00 2026-03-02 00:00:00+00",
                "project_id, created_at | 'o', '2026-03-01Z'      | 'q', '2026-03-02Z'       | -infinity 2026-04-01 00:00:00+00",
                "project_id, created_at | 'p', MINVALUE           | 'p', '2026-03-02Z'       | -infinity 2026-04-01 00:00:00+00",
                "created_at, project_id | '2026-03-01Z', 'a'      | '2026-03-02Z', 'a'       | -infinity 2026-04-01 00:00:00+00",
                "length(id), created_at | 1, '2026-03-01Z'        | 1, '2026-03-02Z'         | 2026-03-01 00:00:00+00 2026-03-02 00:00:00+00",
                "created_at, length(id) | '2026-03-01Z', 1        | '2026-03-02Z', 1         | -infinity 2026-04-01 00:00:00+00",
            })
    void readsTheBoundsOfPartitions(String key, String from, String to, String expected) {
        createTables("timestamptz", "partition by range (" + key + ")", "partition by range (created_at)");
        run("create table {s}.part partition of {s}.events" + bounds(from, to));
        addEvent("e", "p", expected.endsWith("BC") ? "0040-03-01T12:00:00Z BC" : "2026-03-01T12:00:00Z");
        assertThat(filled()).containsExactly(expected);
    }

    @Test
    void takesIdsForNoBounds() {
        createTables("timestamptz", "partition by range (project_id, created_at)", "partition by range (created_at)");
        String project = "p', '2020-01-01 00:00:00+00') TO ('p";
        String quoted = "'" + project.replace("'", "''") + "', ";
        run("create table {s}.part partition of {s}.events"
                + bounds(quoted + "'2026-03-01Z'", quoted + "'2026-03-02Z'"));
        addEvent("e", project, "2026-03-01T12:00:00Z");
        assertThat(filled()).containsExactly("2026-03-01 00:00:00+00 2026-03-02 00:00:00+00");
    }

    @Test
    void followsPartitionsOfPartitions() {
        createTables("timestamptz", "partition by list (project_id)", "partition by range (created_at)");
        run(
                "create table {s}.p partition of {s}.events for values in ('p') partition by range (created_at)",
                "create table {s}.q partition of {s}.events for values in ('q')",
                "create table {s}.month partition of {s}.p" + bounds("'2026-03-01Z'", "'2026-04-01Z'")
                        + " partition by hash (id)",
                "create table {s}.half partition of {s}.month for values with (modulus 2, remainder 0)",
                "create table {s}.other partition of {s}.month for values with (modulus 2, remainder 1)");
        addEvent("e", "p", "2026-03-01T12:00:00Z");
        assertThat(filled()).containsExactly("2026-03-01 00:00:00+00 " + BEFORE);
        addEvent("f", "q", "2026-03-01T12:00:00Z");
        assertThat(filled()).as("rows that may be of any time").containsExactly("-infinity " + BEFORE);
    }

    @Test
    void readsTimesWithoutAZone() {
        createTables("timestamp", "partition by range (created_at)", "partition by range (created_at)");
        run("create table {s}.part partition of {s}.events" + bounds("'2026-03-01'", "'2026-03-02'"));
        addEvent("e", "p", "2026-03-01T12:00:00");
        assertThat(filled(TableMapping.gateway(schema).toBuilder()
                        .timestampsIn(ZoneOffset.UTC)
                        .build()))
                .containsExactly("2026-03-01 00:00:00+00 2026-03-02 00:00:00+00");
    }

    /** Partitions of both tables overlap: each row is in one time. */
    @Test
    void hasEachRowOnce() {
        long seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("FilledTimeIT: -Dusagekit.seed=" + seed);
        Random random = new Random(seed);
        createTables("timestamptz", "partition by range (created_at)", "partition by range (created_at)");
        createDays("events", "e", 150);
        int length = 1 + random.nextInt(50);
        run("do $$ begin for n in 0.." + 150 / length
                + " loop execute format('create table {s}.d_%s partition of {s}.event_deliveries for values from (%L) to (%L)', n,"
                + " timestamptz '2025-11-01Z' + n * interval '" + length + " days 7 hours 30 minutes',"
                + " timestamptz '2025-11-01Z' + (n + 1) * interval '" + length
                + " days 7 hours 30 minutes'); end loop; end $$");
        for (int row = 0; row < 30; row++) {
            String time = "timestamptz '2025-11-02Z' + interval '" + random.nextInt(148 * 24 * 60) + " minutes'";
            run(
                    random.nextBoolean()
                            ? "insert into {s}.events values ('e', 'p', '', '', " + time + ")"
                            : "insert into {s}.event_deliveries values ('d', 'p', 'e', 'Success', " + time + ")");
        }
        List<String> times = filled();
        String ranges = times.isEmpty()
                ? "null"
                : String.join(
                        ", ",
                        times.stream()
                                .map(time -> "('" + time.substring(0, 22) + "'::timestamptz, '" + time.substring(23)
                                        + "'::timestamptz)")
                                .toList());
        assertThat(Database.query(
                        ("select count(*) from (select created_at from {s}.events union all select created_at from"
                                        + " {s}.event_deliveries) r where created_at < '" + BEFORE
                                        + "' and (select count(*) from (values "
                                        + ranges
                                        + ") t (lower, upper) where r.created_at >= lower and r.created_at < upper) <> 1")
                                .replace("{s}", Identifiers.quote(schema))))
                .as("rows outside %s, or in several, seed %s", times, seed)
                .isEqualTo("0");
    }
}
