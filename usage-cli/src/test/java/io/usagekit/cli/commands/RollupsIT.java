package io.usagekit.cli.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.cli.Run;
import io.usagekit.cli.TestServers;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RollupsIT {

    private static final String SCHEMA = "rolled";

    @BeforeEach
    void create() {
        TestServers.without(SCHEMA + "_rollups");
        TestServers.gatewayTables(SCHEMA);
        TestServers.execute(
                "insert into rolled.projects values ('p', 'org-123', null);"
                        + "insert into rolled.events select 'e' || n, 'p', 'seven b', '', timestamptz '2026-03-17Z' + n * interval"
                        + " '1 hour', null from generate_series(1, 100) n;"
                        + "insert into rolled.event_deliveries select id, project_id, id, 'Success', created_at from rolled.events");
    }

    @AfterEach
    void drop() {
        TestServers.without(SCHEMA + "_rollups");
        TestServers.without(SCHEMA);
    }

    private static Run rollups(String... arguments) {
        return Run.of(Stream.of(
                        List.of("rollups"),
                        List.of(arguments),
                        List.of("--jdbc-url", TestServers.jdbcUrl(), "--schema", SCHEMA))
                .flatMap(List::stream)
                .toArray(String[]::new));
    }

    private static Run runGet(String... more) {
        return Run.of(Stream.concat(
                        Stream.of(
                                "get",
                                "--jdbc-url",
                                TestServers.jdbcUrl(),
                                "--schema",
                                SCHEMA,
                                "--organisation",
                                "org-123",
                                "--period",
                                "2026-03"),
                        Stream.of(more))
                .toArray(String[]::new));
    }

    private static String get(String... more) {
        return runGet(more).succeeded().out().replaceAll("\"created_at\":\"[^\"]*\"", "");
    }

    @Test
    void areInstalledMaintainedReadVerifiedAndRemoved() {
        TestServers.execute("insert into rolled.projects values ('p\u001b', 'org-123', null);"
                + "update rolled.events set project_id = 'p\u001b'; update rolled.event_deliveries set project_id = 'p\u001b';"
                + "delete from rolled.projects where id = 'p'");
        rollups("status").failed(1).saying("there are no roll-ups of this version in the schema rolled_rollups");
        assertThat(rollups("install").succeeded().out()).startsWith("The roll-ups are in schema rolled_rollups.");
        assertThat(rollups("status").succeeded().out()).contains("nothing is rolled yet");

        assertThat(rollups("backfill").succeeded().out()).matches("Everything before \\S+Z is rolled\\.\\R");
        assertThat(rollups("status").succeeded().out())
                .containsPattern("rolled before: +\\d{4}-")
                .containsPattern("projects: +1\\R")
                .containsPattern("with history left: +0\\R");
        assertThat(get("--rollups")).isEqualTo(get()).contains("\"received\":{\"volume\":100,\"bytes\":700}");

        TestServers.execute("update rolled.events set raw = 'longer than before' where id = 'e1'");
        assertThat(get("--rollups")).isEqualTo(get()).contains("\"bytes\":711");
        assertThat(rollups("run", "--once").succeeded().out())
                .contains("1 dirty hours re-rolled", "nothing left to do");
        assertThat(rollups("verify").succeeded().out()).startsWith("All rolled hours are those of the raw rows.");

        TestServers.execute("update rolled_rollups.rollup set received_bytes = received_bytes + 1"
                + " where bucket = '2026-03-17T05:00:00Z'");
        Run drift = rollups("verify");
        assertThat(drift.exitCode()).isEqualTo(1);
        assertThat(drift.out()).contains("p\\u001b 2026-03-17T05:00:00Z: received ", "1 project hours differ.");
        assertThat(get("--rollups")).isNotEqualTo(get());
        Run repaired = rollups("verify", "--repair");
        assertThat(repaired.exitCode()).isEqualTo(1);
        assertThat(repaired.out()).contains("1 project hours differed and are marked.");
        assertThat(get("--rollups")).isEqualTo(get());
        rollups("run", "--once").succeeded();
        rollups("verify").succeeded();

        assertThat(rollups("remove").succeeded().out()).startsWith("There is no schema rolled_rollups any more.");
        assertThat(TestServers.query("select count(*) from pg_trigger where tgname like 'usagekit%'"
                        + " and tgrelid = 'rolled.events'::regclass"))
                .isEqualTo("0");
        assertThat(get("--rollups")).isEqualTo(get());
        rollups("run", "--once")
                .failed(1)
                .saying(
                        "there are no roll-ups of this version in the schema rolled_rollups",
                        "run \"usage rollups install --schema rolled\" first");
        rollups("verify").failed(1).saying("there are no roll-ups");
    }

    @Test
    void oldRowsGoAndFiguresStay() {
        rollups("install").succeeded();
        rollups("backfill").succeeded();
        String before = get("--rollups");
        assertThat(rollups("retain", "--before", "2026-03-19T00:00:00Z")
                        .succeeded()
                        .out())
                .startsWith(
                        "47 events and 47 deliveries from before 2026-03-19T00:00:00Z are gone, and their sums are kept.");
        assertThat(TestServers.query("select count(*) from rolled.events")).isEqualTo("53");
        assertThat(get("--rollups")).isEqualTo(before).contains("\"volume\":100");
        assertThat(get()).contains("\"volume\":53");
        rollups("verify").succeeded();

        rollups("remove").failed(1).saying("hold sums of rows that were deleted by retention");
        rollups("remove", "--with-retained").succeeded();
        assertThat(get("--rollups")).contains("\"volume\":53");

        rollups("retain", "--before", "2026-03-19T00:00:00Z").failed(1).saying("there are no roll-ups");
        rollups("retain").failed(2).saying("--before");
        rollups("retain", "--before", "yesterday").failed(2).saying("'yesterday' is no instant such as");
        rollups("retain", "--before", "9999-01-01T00:00:00Z").failed(2).saying("before must be at least a day ago");
    }

    @Test
    void rowsThatReferToOldOnesGoWhereTheirTableIsNamed() {
        TestServers.execute(
                "create table rolled.attempts (delivery_id varchar constraint attempted references rolled.event_deliveries);"
                        + "insert into rolled.attempts select id from rolled.event_deliveries");
        rollups("install").succeeded();
        rollups("backfill").succeeded();
        String before = get("--rollups");
        rollups("retain", "--before", "2026-03-19T00:00:00Z")
                .failed(1)
                .saying("failed after deleting 0 deliveries", "In the way are the foreign key \"attempted\" of ");
        Run retained = rollups("retain", "--before", "2026-03-19T00:00:00Z", "--delete-dependants", "attempts")
                .succeeded();
        assertThat(retained.out()).contains("47 rows that referred to them are gone, too.");
        assertThat(retained.err()).contains("The foreign key attempted of rolled.attempts has no index");
        assertThat(TestServers.query("select count(*) from rolled.attempts")).isEqualTo("53");
        assertThat(get("--rollups")).isEqualTo(before);
    }

    @Test
    void keptSumsFollowRenamedProjectsAndLeaveOutDeletedOnes() {
        rollups("install").succeeded();
        rollups("backfill").succeeded();
        String before = get("--rollups");
        rollups("retain", "--before", "2026-03-19T00:00:00Z").succeeded();
        TestServers.execute(
                "insert into rolled.projects values ('q', 'org-123', null); update rolled.events set project_id = 'q';"
                        + "update rolled.event_deliveries set project_id = 'q'; delete from rolled.projects where id = 'p'");
        refusedGet("kept sums of the project \"p\"", "usage rollups move-retained", "usage rollups omit-retained");
        assertThat(rollups("status").succeeded().out())
                .contains("missing project:      p of the organisation org-123, whose figures are refused");

        assertThat(rollups("move-retained", "p", "q").succeeded().out())
                .startsWith("What retention has kept of the project p counts for the project q.");
        assertThat(get("--rollups")).isEqualTo(before).contains("\"volume\":100");
        rollups("move-retained", "p", "q").failed(1).saying("\"p\" was refused", "there are none in the schema");

        TestServers.execute(
                "delete from rolled.event_deliveries; delete from rolled.events; delete from rolled.projects");
        refusedGet("kept sums of the project \"q\"");
        assertThat(rollups("omit-retained", "q").succeeded().out())
                .startsWith(
                        "What retention has kept of the project q is left out as long as there is no such project.");
        assertThat(get("--rollups")).contains("\"volume\":0");
    }

    /** The events are restored, over those that are there, from a dump that is older than the last retention. */
    @Test
    void keptSumsAreAcceptedAfterARestore() {
        TestServers.execute("create table rolled.dump as table rolled.events");
        rollups("install").succeeded();
        rollups("backfill").succeeded();
        rollups("retain", "--before", "2026-03-19T00:00:00Z").succeeded();
        String before = get("--rollups");
        TestServers.execute(
                "alter table rolled.events rename to replaced; create table rolled.events (like rolled.replaced"
                        + " including all); insert into rolled.events table rolled.dump; drop table rolled.replaced cascade");
        refusedGet("has such rows again, which would count twice");
        rollups("install").failed(1).saying("would count twice");

        assertThat(rollups("accept-retained").succeeded().out())
                .startsWith("The retained sums in the schema rolled_rollups count as those of the tables;");

        assertThat(get("--rollups"))
                .as("the operator has said that all rows count")
                .contains("\"received\":{\"volume\":147,");
        TestServers.execute("delete from rolled.events where created_at < '2026-03-19T00:00:00Z'");
        assertThat(get("--rollups")).isEqualTo(before).contains("\"volume\":100");
        rollups("install").succeeded();
        rollups("backfill").succeeded();
        rollups("verify").succeeded();
        assertThat(get("--rollups")).isEqualTo(before);
    }

    private static void refusedGet(String... words) {
        runGet("--rollups").failed(1).saying(words);
    }

    @Test
    void whatIsPrintedCanBeRun() {
        TestServers.execute(rollups("install", "--print").succeeded().out());
        rollups("backfill").succeeded();
        assertThat(get("--rollups")).isEqualTo(get()).contains("\"volume\":100");
    }
}
