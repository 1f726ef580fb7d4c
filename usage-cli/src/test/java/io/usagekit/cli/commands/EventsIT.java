package io.usagekit.cli.commands;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.usagekit.cli.Run;
import io.usagekit.cli.TestServers;
import io.usagekit.cli.support.UsageTables;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.postgres.events.PostgresLedger;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventsIT {

    private static final String SCHEMA = "events ledger";
    private static final Instant FIRST = Instant.parse("2026-03-01T00:00:00Z");
    private static final String BEFORE = "2026-04-01T00:00:00Z";

    @TempDir
    private Path directory = Path.of("");

    private EventRepository ledger;

    @BeforeEach
    void record() {
        TestServers.without(SCHEMA);
        assertThat(events("install").succeeded().out()).startsWith("The ledger is in schema events ledger.");
        ledger = PostgresLedger.of(TestServers.POSTGRES.dataSource(), SCHEMA).repository();
        ledger.save(new Project("p", "org-1", ""));
        ledger.recordAll(IntStream.range(0, 7)
                .mapToObj(n -> NewEvent.builder("p", "event-" + n)
                        .createdAt(FIRST.plusSeconds(n))
                        .type(n % 2 == 0 ? "push" : "")
                        .payload(Payload.of("héllo"))
                        .build())
                .toList());
    }

    private static Run events(String command, String... more) {
        List<String> arguments =
                new ArrayList<>(List.of("events", command, "--jdbc-url", TestServers.jdbcUrl(), "--schema", SCHEMA));
        arguments.addAll(List.of(more));
        return Run.of(arguments.toArray(String[]::new));
    }

    private static Run ofProject(String command, String... more) {
        List<String> arguments = new ArrayList<>(List.of("--project", "p"));
        arguments.addAll(List.of(more));
        return events(command, arguments.toArray(String[]::new));
    }

    @Test
    void arePagedThereAndBack() {
        String first = ofProject("page", "--size", "3").succeeded().out();
        assertThat(first).contains("event-6", "event-5", "event-4").doesNotContain("event-3", "previous");
        String next = cursor("next", first);
        String second =
                ofProject("page", "--size", "3", "--cursor", next).succeeded().out();
        assertThat(second).contains("event-3", "event-2", "event-1").doesNotContain("event-4");
        assertThat(ofProject("page", "--size", "3", "--cursor", cursor("previous", second))
                        .succeeded()
                        .out())
                .isEqualTo(first);
        assertThat(ofProject("page", "--order", "asc", "--size", "1")
                        .succeeded()
                        .out())
                .contains("event-0");
        ofProject("page", "--order", "asc", "--cursor", next).failed(2).saying("cursor must be used with the filter");
        ofProject("page", "--cursor", "made up").failed(2).saying("cursor must be one that this library has given out");
        ofProject("page", "--size", "0").failed(2).saying("size must be between 1 and 1000, but was 0");
        events("page", "--project", " ").failed(2).saying("--project must not be blank");
    }

    private static String cursor(String name, String printed) {
        Matcher line =
                Pattern.compile("^" + name + " +(\\S+)$", Pattern.MULTILINE).matcher(printed);
        assertThat(line.find()).as(printed).isTrue();
        return line.group(1);
    }

    @Test
    void oneIsShownWithItsFieldsAndDeliveries() {
        ledger.record(NewEvent.builder("p", "detailed")
                .createdAt(FIRST)
                .acknowledgedAt(FIRST.plusSeconds(1))
                .type("push\u001b[2J")
                .idempotencyKey("order-4711")
                .headerValues(Map.of("Via", List.of("1.1 a", "1.1 b\u009b31m"), "X-One", List.of("1")))
                .urlPath("/in/github")
                .urlQueryParams("a=1&b=2\r\n")
                .metadata("{\"tenant\": 7}")
                .endpointIds(List.of("warehouse", "accounting"))
                .build());
        ledger.recordDeliveries(List.of(
                new NewDelivery("d-1", "p", "detailed", "warehouse", "Scheduled", Optional.of(FIRST)),
                new NewDelivery("d-2", "p", "detailed", "accounting", "Scheduled", Optional.of(FIRST), "", "try 2")));
        ledger.updateDeliveryStatus("p", "d-1", "Failure", "503 \u001b]0;title\u0007");

        String shown = ofProject("show", "detailed").succeeded().out();
        assertThat(shown)
                .containsSubsequence(
                        "id               detailed\n",
                        "project          p\n",
                        "created at       2026-03-01T00:00:00Z\n",
                        "acknowledged at  2026-03-01T00:00:01Z\n",
                        "type             push\\u001b[2J\n",
                        "key              order-4711\n",
                        "bytes            0\n",
                        "path             /in/github\n",
                        "query            a=1&b=2\\u000d\\u000a\n",
                        "metadata         {\"tenant\": 7}\n",
                        "header           via: 1.1 a\n",
                        "header           via: 1.1 b\\u009b31m\n",
                        "header           x-one: 1\n",
                        "endpoint         accounting\n",
                        "endpoint         warehouse\n")
                .doesNotContainPattern("(?m)^(updated|deleted) at")
                .containsPattern("d-2 +\\| accounting +\\| Scheduled +\\| +\\| +\\| try 2")
                .containsPattern(
                        "d-1 +\\| warehouse +\\| Failure +\\| 20\\S+Z +\\| 503 \\\\u001b]0;title\\\\u0007 +\\|")
                .doesNotContainPattern("[\\p{Cc}&&[^\\n]]");
        String first = ofProject("show", "--size", "1", "detailed").succeeded().out();
        assertThat(first).contains("d-2").doesNotContain("d-1");
        assertThat(ofProject("show", "detailed", "--size", "1", "--cursor", cursor("next", first))
                        .succeeded()
                        .out())
                .contains("d-1")
                .doesNotContain("d-2");

        ledger.updateStatus("p", "event-0", "Done");
        ledger.delete("p", EventWindow.before(FIRST.plusSeconds(1)));
        assertThat(ofProject("show", "event-0").succeeded().out())
                .contains("status           Done\n", "updated at       20", "deleted at       20")
                .doesNotContain("|", "header", "endpoint", "path");
        assertThat(ofProject("page").succeeded().out()).doesNotContain("\u001b");
        ofProject("show", "absent").failed(1).saying("there is no event \"absent\" in the project \"p\"");
        ofProject("show", " ").failed(2).saying("EVENT must not be blank");
        ofProject("show").failed(2).saying("EVENT");
    }

    @Test
    void areCountedByWhatIsGivenAndByTheEmptyText() {
        assertThat(count()).isEqualTo("7");
        assertThat(count("--type", "push")).isEqualTo("4");
        assertThat(count("--type", "")).isEqualTo("3");
        assertThat(count("--type=", "--from", "2026-03-01T00:00:02Z", "--before", "2026-03-01T00:00:05Z"))
                .isEqualTo("1");
        assertThat(count("--source", "a", "--source", "")).isEqualTo("7");
        assertThat(count("--endpoint", "a", "--owner", "o")).isEqualTo("0");
        assertThat(count("--key", "", "--message", "", "--status", "", "--deleted"))
                .isEqualTo("7");
        assertThat(count("--text", "héllo")).isEqualTo("0");
        assertThat(tokens("tokenise", "--from", "2026-03-01T00:00:02Z", "--before", "2026-03-01T00:00:04Z"))
                .startsWith("2 events were made findable");
        assertThat(count("--text", "HÉLLO")).isEqualTo("2");
        assertThat(tokens("tokenise")).startsWith("5 events were made findable");
        assertThat(tokens("tokenise")).startsWith("0 events");
        assertThat(count("--text", "HÉLLO")).isEqualTo("7");
        assertThat(count("--search", "absent OR HÉLLO -push")).isEqualTo("3");
        ofProject("count", "--search", "-push").failed(2).saying("search must have a term without a minus", "-push");
        assertThat(tokens("delete-tokens", "--before", "2026-03-01T00:00:06Z")).startsWith("6 events aren't findable");
        assertThat(count("--text", "HÉLLO")).isEqualTo("1");
        ofProject("count", "--from", "yesterday").failed(2).saying("--from must be an instant", "yesterday");
    }

    private static String tokens(String command, String... window) {
        return ofProject(command, window).succeeded().out();
    }

    @Test
    void areTokenisedDayByDay() {
        ledger.recordAll(IntStream.of(1, 2, 40, 400)
                .mapToObj(n -> NewEvent.builder("p", "day-" + n)
                        .createdAt(FIRST.plus(n, ChronoUnit.DAYS))
                        .payload(Payload.of("later"))
                        .build())
                .toList());
        assertThat(tokens("tokenise")).startsWith("11 events were made findable");
        assertThat(count("--text", "later")).isEqualTo("4");
        assertThat(tokens("delete-tokens", "--from", "2026-03-03T00:00:00Z", "--before", "2026-04-10T00:00:00.000001Z"))
                .startsWith("2 events aren't findable");
        assertThat(count("--text", "later")).isEqualTo("2");
    }

    private static String count(String... filter) {
        return ofProject("count", filter).succeeded().out().strip();
    }

    @Test
    void areExportedToAFile() throws IOException {
        Path json = directory.resolve("all.json");
        Run exported = ofProject("export", "--file", json.toString(), "--before", BEFORE)
                .succeeded();
        assertThat(exported.out()).isEmpty();
        assertThat(exported.err()).startsWith("7 events, " + UsageTables.grouped(Files.size(json)) + " octets");
        assertThat(new ObjectMapper().readTree(json.toFile())).hasSize(7);

        Path lines = directory.resolve("all.ndjson.gz");
        ofProject("export", "--format", "ndjson", "--gzip", "--file", lines.toString())
                .succeeded();
        try (GZIPInputStream in = new GZIPInputStream(Files.newInputStream(lines))) {
            assertThat(new String(in.readAllBytes(), StandardCharsets.UTF_8).lines())
                    .hasSize(7);
        }

        Path chosen = directory.resolve("chosen.ndjson");
        ledger.delete("p", EventWindow.since(FIRST.plusSeconds(6)));
        ofProject(
                        "export",
                        "--format",
                        "ndjson",
                        "--from",
                        "2026-03-01T00:00:05Z",
                        "--deleted",
                        "--endpoints",
                        "--file",
                        chosen.toString())
                .succeeded();
        assertThat(Files.readAllLines(chosen))
                .hasSize(2)
                .allMatch(line -> line.endsWith("]}") && line.contains("\"endpoint_ids\":["))
                .satisfiesOnlyOnce(line -> assertThat(line).contains("\"deleted_at\":\""));

        Path all = directory.resolve("all.ndjson");
        ledger.save(new Project("q", "org-2", ""));
        ledger.record(NewEvent.builder("q", "of q").createdAt(FIRST).build());
        events("export", "--all-projects", "--format", "ndjson", "--file", all.toString())
                .succeeded();
        assertThat(Files.readAllLines(all)).hasSize(7).last().asString().contains("\"id\":\"of q\"");

        Path none = directory.resolve("none.json");
        ofProject("export", "--file", none.toString(), "--before", "2026-03-01T00:00:00Z")
                .succeeded();
        assertThat(none).hasContent("[]");
        ofProject("export", "--resume", "x").failed(2).saying("--resume must come with the --before");
        ofProject("export", "--before", BEFORE, "--resume", "x").failed(2).saying("cursor must be one");
    }

    @Test
    void anExportNamesItsProjectOrSaysAllProjects() {
        Path file = directory.resolve("refused.json");
        events("export", "--file", file.toString()).failed(2).saying("--project", "--all-projects");
        ofProject("export", "--all-projects", "--file", file.toString())
                .failed(2)
                .saying("--project", "--all-projects", "mutually exclusive");
        events("export", "--all-projects=false", "--file", file.toString())
                .failed(2)
                .saying("--all-projects");
        assertThat(file).doesNotExist();
    }

    @Test
    void anExportGoesOnInItsFile() throws IOException {
        ledger.recordAll(IntStream.range(0, 5_000)
                .mapToObj(n -> NewEvent.builder("p", "more-" + n)
                        .createdAt(FIRST.plusSeconds(100 + n))
                        .build())
                .toList());
        Path whole = directory.resolve("whole.json");
        ofProject("export", "--before", BEFORE, "--file", whole.toString()).succeeded();
        // An event without a text, against the table's constraint, can't be read: the export fails behind its first
        // batch.
        TestServers.execute(
                "alter table \"events ledger\".events alter raw drop not null, alter payload_bytes drop not null");
        TestServers.execute("update \"events ledger\".events set raw = null where id = 'more-4000'");
        Path part = directory.resolve("part.json");
        Run failed = ofProject("export", "--before", BEFORE, "--file", part.toString())
                .failed(1);
        Matcher how = Pattern.compile("resume with --before (\\S+) --resume (\\S+) after the first (\\d+) octets")
                .matcher(failed.err());
        assertThat(how.find()).as(failed.err()).isTrue();
        assertThat(part).hasSize(Long.parseLong(how.group(3)));
        TestServers.execute("update \"events ledger\".events set raw = '' where id = 'more-4000'");
        ofProject("export", "--before", how.group(1), "--resume", how.group(2), "--file", part.toString())
                .succeeded();
        assertThat(part).hasSameBinaryContentAs(whole);
    }

    @Test
    void whatIsPrintedCanBeRun() {
        TestServers.without(SCHEMA);
        String ddl = Run.of("events", "install", "--print", "--schema", SCHEMA)
                .succeeded()
                .out();
        TestServers.execute(ddl);
        TestServers.execute("insert into \"events ledger\".projects (id, organisation_id) values ('p', 'o')");
        assertThat(count()).isEqualTo("0");
    }
}
