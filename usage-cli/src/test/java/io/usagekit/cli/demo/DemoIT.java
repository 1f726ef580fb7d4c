package io.usagekit.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.usagekit.cli.Run;
import io.usagekit.cli.TestServers;
import io.usagekit.cli.support.Failures;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** {@code demo --once} on servers that are running already; what it prints equals what SQL says, computed another way. */
class DemoIT {

    private static final String EVENTS = "3000";
    private static final Pattern ROW = Pattern.compile(
            "^\\| (org-\\d+) +\\| +([\\d,]+) \\| +([\\d,]+) \\| +([\\d,]+) \\| +([\\d,]+) \\|$", Pattern.MULTILINE);

    private static final Pattern PROCESS =
            Pattern.compile("^\\| +(\\d+) \\| +(\\d+) \\| \\d+ [^|]+\\| +[\\d,.]+ \\|$", Pattern.MULTILINE);

    /** One figure at a time, from the raw rows. */
    private static final String ORACLE = """
            select o.id,
                (select count(*) from SCHEMA.events e join SCHEMA.projects p on p.id = e.project_id
                    where p.organisation_id = o.id and p.deleted_at is null and e.deleted_at is null
                    and e.created_at >= '2026-03-01Z' and e.created_at < '2026-04-01Z') as received_volume,
                (select coalesce(sum(octet_length(convert_to(raw, 'UTF8')) + octet_length(data)), 0)
                    from SCHEMA.events e join SCHEMA.projects p on p.id = e.project_id
                    where p.organisation_id = o.id and p.deleted_at is null and e.deleted_at is null
                    and e.created_at >= '2026-03-01Z' and e.created_at < '2026-04-01Z') as received_bytes,
                (select count(*) from SCHEMA.event_deliveries d join SCHEMA.projects p on p.id = d.project_id
                    where p.organisation_id = o.id and p.deleted_at is null and d.status = 'Success'
                    and d.created_at >= '2026-03-01Z' and d.created_at < '2026-04-01Z') as sent_volume,
                (select coalesce(sum(octet_length(convert_to(raw, 'UTF8')) + octet_length(data)), 0)
                    from SCHEMA.event_deliveries d join SCHEMA.projects p on p.id = d.project_id
                    join SCHEMA.events e on e.id = d.event_id
                    where p.organisation_id = o.id and p.deleted_at is null and d.status = 'Success'
                    and d.created_at >= '2026-03-01Z' and d.created_at < '2026-04-01Z') as sent_bytes
            from (select distinct organisation_id as id from SCHEMA.projects) o
            """;

    /** One demonstration for all tests that look at what it printed and loaded. */
    private static final String SCHEMA = "demo_shared";

    private static Run shared = new Run(-1, "", "");

    /** Another one, in a fleet of processes. */
    private static Run fleet = new Run(-1, "", "");

    @BeforeAll
    static void demonstrate() {
        shared = demo(TestServers.without(SCHEMA)).succeeded();
        fleet = demo(TestServers.without("demo_fleet"), "--processes", "3").succeeded();
        assertThat(members()).as("processes still running").isEmpty();
    }

    private static Run demo(String schema, String... more) {
        List<String> args = List.of(
                "demo",
                "--once",
                "--events",
                EVENTS,
                "--jdbc-url",
                TestServers.jdbcUrl(),
                "--redis-url",
                TestServers.REDIS.url(),
                "--schema",
                schema);
        return Run.of(java.util.stream.Stream.concat(args.stream(), java.util.Arrays.stream(more))
                .toArray(String[]::new));
    }

    /** As the oracle writes them. */
    private static List<String> printedFigures(Run run) {
        return ROW.matcher(run.out()).results().map(DemoIT::figures).toList();
    }

    private static String figures(MatchResult row) {
        return (row.group(1) + "|" + row.group(2) + "|" + row.group(3) + "|" + row.group(4) + "|" + row.group(5))
                .replace(",", "");
    }

    private static List<String> oracle(String schema) {
        return TestServers.query(ORACLE.replace("SCHEMA", schema)).lines().toList();
    }

    @Test
    void printsWhatTheRawRowsAddUpTo() {
        List<String> printed = printedFigures(shared);
        assertThat(printed).hasSize(50).containsExactlyInAnyOrderElementsOf(oracle(SCHEMA));
        assertThat(printed)
                .as("the largest first")
                .isSortedAccordingTo((one, other) -> Long.compare(receivedBytes(other), receivedBytes(one)));
        assertThat(shared.out())
                .contains("seed 2026")
                .contains("computed by PostgreSQL")
                .contains("a hit in Redis")
                .containsPattern("64 callers at once, nothing cached +[0-9.]+ ms, 1 query\n")
                .containsPattern("from raw rows, median of 21 +[0-9.]+ ms\n")
                .containsPattern("from roll-ups, median of 21 +[0-9.]+ ms\n")
                .contains("{\"status\":true,\"message\":\"Organisation usage fetched successfully\","
                        + "\"data\":{\"organisation_id\":\"org-01\",\"period\":\"2026-03\",\"received\":");
        assertThat(shared.err()).doesNotContain("usage demo");
    }

    private static long receivedBytes(String figures) {
        return Long.parseLong(figures.split("\\|", -1)[2]);
    }

    @Test
    void loadsWhatItPromises() {
        String events = "select count(*) from " + SCHEMA + ".events where ";
        String deliveries = "select count(*) from " + SCHEMA + ".event_deliveries d join " + SCHEMA
                + ".events e on e.id = d.event_id where ";

        assertThat(number(events + "true")).isEqualTo(3_000);
        assertThat(number(events + "deleted_at is not null")).isBetween(10L, 60L);
        assertThat(number(events + "octet_length(data) > 0")).isBetween(600L, 900L);
        assertThat(number(events + "octet_length(raw) > length(raw)")).isGreaterThan(2_000L);
        assertThat(number(events + "created_at < '2026-01-01Z' or created_at >= '2026-04-01Z'"))
                .isZero();
        assertThat(number(deliveries + "d.status = 'Success'") * 100 / number(deliveries + "true"))
                .isBetween(87L, 93L);
        assertThat(number("select count(distinct status) from " + SCHEMA + ".event_deliveries"))
                .isEqualTo(6);
        assertThat(number("select max(n) - min(n) from (select count(*) n from " + SCHEMA
                        + ".event_deliveries group by event_id) x"))
                .isEqualTo(2);
        assertThat(number(deliveries + "d.created_at <= e.created_at")).isZero();
        assertThat(number(deliveries + "date_trunc('month', d.created_at) > date_trunc('month', e.created_at)"))
                .as("deliveries that cross the end of a month")
                .isPositive();
        assertThat(number("select count(*) from " + SCHEMA + ".projects where deleted_at is not null"))
                .isPositive();
    }

    private static long number(String sql) {
        return Long.parseLong(TestServers.query(sql));
    }

    @Tag("thorough")
    @Test
    void theSameSeedMakesTheSameFiguresAndAnotherOthers() {
        List<String> once = printedFigures(shared);
        List<String> again = printedFigures(fleet);
        List<String> other = printedFigures(
                demo(TestServers.without("demo_seed_3"), "--seed", "7").succeeded());

        assertThat(again).hasSize(50).isEqualTo(once);
        assertThat(other).hasSize(50).isNotEqualTo(once);
    }

    @Test
    void refusesASchemaThatHoldsEventsAndLeavesItAlone() {
        demo(SCHEMA).failed(1).saying("schema 'demo_shared' holds events already; drop it, or pass another --schema");

        assertThat(number("select count(*) from " + SCHEMA + ".events")).isEqualTo(3_000);
    }

    @Test
    void aRedisThatIsntThereIsNamedBeforeAnythingIsLoaded() {
        String schema = TestServers.without("demo_no_redis");

        Run.of("demo", "--jdbc-url", TestServers.jdbcUrl(), "--redis-url", "redis://127.0.0.1:1", "--schema", schema)
                .failed(1)
                .saying("Redis can't be used: Unable to connect to");

        assertThat(TestServers.query("select to_regnamespace('demo_no_redis')")).isEqualTo("null");
    }

    @Test
    void inSomebodysDatabaseItHasASchemaOfItsOwn() {
        TestServers.without(DemoCommand.FOREIGN_SCHEMA);
        Run.of(
                        "demo",
                        "--once",
                        "--events",
                        "1",
                        "--jdbc-url",
                        TestServers.jdbcUrl(),
                        "--redis-url",
                        TestServers.REDIS.url())
                .succeeded();

        assertThat(number("select count(*) from " + DemoCommand.FOREIGN_SCHEMA + ".events"))
                .isEqualTo(1);
    }

    @Test
    void aFleetOfProcessesComputesAColdKeyOnce() {
        assertThat(fleet.out()).contains("\n3 processes x 16 callers on one cold key: 1 query\n");
        assertThat(PROCESS.matcher(fleet.out()).results().map(row -> row.group(1) + ": " + row.group(2)))
                .containsExactly("1: 16", "2: 16", "3: 16");
        assertThat(fleet.out()).containsOnlyOnce("computed here");
        assertThat(fleet.err().lines()).as("nothing but progress").allMatch(DemoIT::isProgress);
    }

    /** A slow machine sees a line of it. */
    private static boolean isProgress(String line) {
        return line.startsWith("Loading: ") || line.startsWith("Starting: ");
    }

    @Test
    void aProcessThatIsKilledIsNamedInOneLine() {
        CompletableFuture<Run> demo =
                CompletableFuture.supplyAsync(() -> demo(TestServers.without("demo_fleet_killed"), "--processes", "3"));
        ProcessHandle killed =
                Await.until("a process is starting", () -> members().stream().findFirst());
        assertThat(killed.info().commandLine())
                .as("what everybody can see")
                .hasValueSatisfying(line -> assertThat(line).doesNotContain("jdbc:", "redis:"));

        killed.destroyForcibly();

        Run run = demo.join();
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err().lines().filter(line -> !isProgress(line)))
                .singleElement()
                .asString()
                .matches("usage demo: process [123] of 3 has ended with exit code 137");
        assertThat(run.out()).doesNotContain("on one cold key");
        assertThat(members()).as("processes still running").isEmpty();
    }

    @Test
    void aProcessThatCantReachItsServersSaysWhy() {
        DemoOrders orders = new DemoOrders(
                TestServers.jdbcUrl(), "", "", "demo_fleet", "redis://127.0.0.1:1", "usage-demo", "org-01");
        try (DemoFleet fleet = new DemoFleet(2, new PrintWriter(new StringWriter()))) {
            Throwable error = catchThrowable(() -> fleet.start(orders));

            assertThat(Failures.describe(Objects.requireNonNull(error)))
                    .matches("process [12] of 2: Redis can't be used: Unable to connect to .*");
        }
        assertThat(members()).as("processes still running").isEmpty();
    }

    private static List<ProcessHandle> members() {
        return Await.members(ProcessHandle.current());
    }
}
