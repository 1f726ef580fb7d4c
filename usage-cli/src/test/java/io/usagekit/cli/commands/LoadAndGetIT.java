package io.usagekit.cli.commands;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.usagekit.cli.Run;
import io.usagekit.cli.TestServers;
import io.usagekit.cli.load.Lines;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code load} and {@code get}, over the library's own tables and over a gateway's. */
class LoadAndGetIT {

    private static final String AT = "2026-03-17T09:30:00.123456Z";
    private static final String GOOD = """
            {"event_type":"push","data":{"a": 1.0, "é":"🚀 \\u0000 \\\\ \\t"}}

            {"data":"te\\"xt","event_type":"issues"}
            """;
    private static final String BAD = GOOD + "{\"event_type\":\"push\"}\n" + GOOD;

    /** The values of data above, to the octet. */
    private static final int OCTETS =
            ("{\"a\": 1.0, \"é\":\"🚀 \\u0000 \\\\ \\t\"}" + "\"te\\\"xt\"").getBytes(StandardCharsets.UTF_8).length;

    @TempDir
    private Path directory = Path.of("");

    private static String prepare(String schema) {
        if (schema.startsWith("gateway")) {
            return TestServers.gatewayTables(schema);
        }
        Run.of("install", "--jdbc-url", TestServers.jdbcUrl(), "--schema", TestServers.without(schema))
                .succeeded();
        return schema;
    }

    private static Run load(String schema, String file, String... more) {
        return Run.of(Stream.concat(
                        Stream.of("load", "--jdbc-url", TestServers.jdbcUrl(), "--schema", schema, "--file", file),
                        Stream.of(more))
                .toArray(String[]::new));
    }

    private static Run get(String schema, String... more) {
        return Run.of(Stream.concat(
                        Stream.of("get", "--jdbc-url", TestServers.jdbcUrl(), "--schema", schema), Stream.of(more))
                .toArray(String[]::new));
    }

    private String file(String content) throws IOException {
        return Files.writeString(directory.resolve("events.ndjson"), content).toString();
    }

    private String gzipped(String content) throws IOException {
        Path file = directory.resolve("events.gz");
        try (OutputStream gzip = new GZIPOutputStream(Files.newOutputStream(file))) {
            gzip.write(content.getBytes(StandardCharsets.UTF_8));
        }
        return file.toString();
    }

    private static void assertNothingLoaded(String schema) {
        assertThat(TestServers.query("select (select count(*) from " + schema + ".projects), (select count(*) from "
                        + schema + ".events), (select count(*) from " + schema + ".event_deliveries)"))
                .isEqualTo("0|0|0");
    }

    @ParameterizedTest
    @ValueSource(strings = {"own_load", "gateway_load"})
    void loadsBothShapesAndGetsTheFigure(String name) throws IOException {
        String schema = prepare(name);

        Run loaded =
                load(schema, file(GOOD), "--organisation", "org-7", "--at", AT).succeeded();

        assertThat(loaded.out())
                .isEqualToNormalizingNewlines("Loaded 2 events of " + OCTETS
                        + " bytes and 2 deliveries into project org-7-project of organisation org-7.\n");
        assertThat(loaded.err()).isEmpty();
        assertThat(TestServers.query("select raw from " + schema + ".events order by raw desc"))
                .isEqualTo("{\"a\": 1.0, \"é\":\"🚀 \\u0000 \\\\ \\t\"}\n\"te\\\"xt\"");
        assertThat(TestServers.query("select count(*), count(distinct id::uuid), sum(octet_length(data)) from " + schema
                        + ".events where deleted_at is null and created_at = '" + AT + "'"))
                .isEqualTo("2|2|0");
        assertThat(TestServers.query("select count(distinct event_id), count(distinct id) from " + schema
                        + ".event_deliveries where status = 'Success' and created_at = '" + AT + "'"))
                .isEqualTo("2|2");

        Run got = get(schema, "--organisation", "org-7", "--period", "2026-03").succeeded();

        assertThat(got.out())
                .matches("\\Q{\"status\":true,\"message\":\"Organisation usage fetched successfully\",\"data\":"
                        + "{\"organisation_id\":\"org-7\",\"period\":\"2026-03\",\"received\":{\"volume\":2,\"bytes\":"
                        + OCTETS + "},\"sent\":{\"volume\":2,\"bytes\":" + OCTETS
                        + "},\"created_at\":\"\\E[0-9T:-]+Z\"\\}\\}\\R");
        assertThat(got.err()).isEmpty();
    }

    @Test
    void theTypeIsKeptWhereThereIsAColumnForIt() throws IOException {
        String schema = prepare("own_types");
        load(schema, file(GOOD)).succeeded();

        assertThat(TestServers.query("select event_type, project_id from own_types.events order by 1"))
                .isEqualTo("issues|org-demo-project\npush|org-demo-project");
        assertThat(TestServers.query("select id, organisation_id from own_types.projects"))
                .isEqualTo("org-demo-project|org-demo");
    }

    @Test
    void gzipAndStandardInputToo() throws IOException {
        String schema = prepare("own_inputs");
        InputStream before = System.in;
        try {
            load(schema, gzipped(GOOD)).succeeded();
            System.setIn(new ByteArrayInputStream(GOOD.getBytes(StandardCharsets.UTF_8)));
            load(schema, "-").succeeded();
            System.setIn(Files.newInputStream(Path.of(gzipped(GOOD))));
            load(schema, "-").succeeded();
        } finally {
            System.setIn(before);
        }
        assertThat(TestServers.query("select count(*), count(distinct id) from own_inputs.events"))
                .isEqualTo("6|6");
    }

    @Test
    void anEmptyFileLoadsNothing() throws IOException {
        String schema = prepare("own_empty");

        assertThat(load(schema, file("")).succeeded().out()).startsWith("Loaded 0 events of 0 bytes and 0 deliveries");
        assertThat(load(schema, file("\n \r\n")).succeeded().out()).startsWith("Loaded 0 events");
    }

    @ParameterizedTest
    @ValueSource(strings = {"own_bad", "gateway_bad"})
    void aBadLineIsNamedAndNothingIsLoaded(String name) throws IOException {
        String schema = prepare(name);

        load(schema, file(BAD)).failed(1).saying("line 4 is bad: data is missing; nothing has been loaded", "--skip");
        load(schema, gzipped(BAD)).failed(1).saying("line 4 is bad");

        assertNothingLoaded(schema);
    }

    @Test
    void aBadLineAfterMegabytesLeavesNothingLoadedEither() throws IOException {
        String schema = prepare("own_batches");
        String large = "{\"event_type\":\"push\",\"data\":\"" + "x".repeat(1 << 20) + "\"}\n";

        load(schema, file(large.repeat(10) + "[]\n")).failed(1).saying("line 11 is bad: not a JSON object");

        assertNothingLoaded(schema);
    }

    @Test
    void aTruncatedFileLeavesNothingLoaded() throws IOException {
        String schema = prepare("own_truncated");
        Path file = Path.of(gzipped(GOOD.repeat(1_000)));
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, java.util.Arrays.copyOf(whole, whole.length - 20));

        load(schema, file.toString()).failed(1).saying("the gzip stream is damaged after line");

        assertNothingLoaded(schema);
    }

    @Test
    void badLinesAreSkippedOnRequestEachByName() throws IOException {
        String schema = prepare("own_skipped");
        String tooLong = "x".repeat(Lines.MAX_OCTETS + 1);

        Run run = load(schema, file(BAD + tooLong + "\n" + GOOD + "x\u001b[31m"), "--skip-bad-lines")
                .succeeded();

        assertThat(run.out()).startsWith("Loaded 6 events of " + 3 * OCTETS + " bytes and 6 deliveries");
        assertThat(run.err().lines())
                .hasSize(4)
                .contains("line 4 is bad: data is missing; skipped")
                .contains("line 8 is bad: longer than 16,777,216 octets; skipped")
                .anyMatch(line -> line.startsWith("line 12 is bad: not JSON") && line.contains("x\\u001b"))
                .endsWith("3 bad lines skipped");
        assertThat(TestServers.query("select count(*) from own_skipped.events")).isEqualTo("6");
    }

    @Test
    void aProjectOfAnotherOrganisationIsAnError() throws IOException {
        String schema = prepare("own_projects");
        load(schema, file(GOOD), "--organisation", "a", "--project", "shared").succeeded();

        load(schema, file(GOOD), "--organisation", "b", "--project", "shared")
                .failed(1)
                .saying("project 'shared' belongs to organisation 'a', not to 'b'");
        load(schema, file(GOOD), "--organisation", "a", "--project", "shared").succeeded();

        assertThat(TestServers.query("select count(*) from own_projects.events"))
                .isEqualTo("4");
        TestServers.execute("update own_projects.projects set deleted_at = now()");
        load(schema, file(GOOD), "--organisation", "a", "--project", "shared")
                .failed(1)
                .saying("is deleted");
    }

    @Test
    void aSchemaThatIsntThereIsAnErrorThatNamesIt() throws IOException {
        TestServers.without("not_there");
        TestServers.without("empty_schema");
        TestServers.execute("create schema empty_schema");

        load("not_there", file(GOOD)).failed(1).saying("not_there");
        load("empty_schema", file(GOOD)).failed(1).saying("empty_schema");
        get("not_there", "--organisation", "o", "--period", "2026-03").failed(1).saying("not_there");
    }

    @Test
    void windowsZonesAndFreshness() throws IOException {
        String schema = prepare("own_windows");
        load(schema, file(GOOD), "--at", "2026-03-31T20:00:00Z").succeeded();
        ObjectMapper json = new ObjectMapper();

        String march = get(schema, "--organisation", "org-demo", "--period", "2026-03", "--zone", "Asia/Kolkata")
                .succeeded()
                .out();
        String april = get(
                        schema,
                        "--organisation",
                        "org-demo",
                        "--from",
                        "2026-04-01",
                        "--to",
                        "2026-05-01T00:00:00+05:30",
                        "--zone",
                        "Asia/Kolkata",
                        "--freshness")
                .succeeded()
                .out();

        assertThat(json.readTree(march)
                        .path("data")
                        .path("received")
                        .path("volume")
                        .asLong())
                .isZero();
        JsonNode data = json.readTree(april).path("data");
        assertThat(data.path("received").path("volume").asLong()).isEqualTo(2);
        assertThat(data.path("period").asText()).isEqualTo("2026-03-31T18:30:00Z/2026-04-30T18:30:00Z");
        assertThat(data.path("status").asText()).isEqualTo("fresh");
    }

    @Test
    void aTableForPeople() throws IOException {
        String schema = prepare("own_table");
        load(schema, file(GOOD), "--at", AT).succeeded();

        assertThat(get(schema, "--organisation", "org-demo", "--period", "2026-03-17", "--format", "table")
                        .succeeded()
                        .out())
                .contains("organisation  org-demo", "period        2026-03-17", "| received |      2 |");
    }

    @Test
    void whatIsInRedisIsServedWithoutPostgres() throws IOException {
        String schema = prepare("own_cached");
        load(schema, file(GOOD), "--organisation", "org-cached", "--at", AT).succeeded();
        String[] question = {
            "--redis-url", TestServers.REDIS.url(), "--organisation", "org-cached", "--period", "2026-03"
        };
        String computed = get(schema, question).succeeded().out();
        TestServers.without(schema);

        assertThat(get(schema, question).succeeded().out()).isEqualTo(computed);
    }

    @Test
    void redisOutOfReachIsNoObstacle() throws IOException {
        String schema = prepare("own_uncached");
        load(schema, file(GOOD), "--at", AT).succeeded();

        Run run = get(schema, "--redis-url", "redis://127.0.0.1:1", "--organisation", "org-demo", "--period", "2026-03")
                .succeeded();

        assertThat(run.out()).contains("\"received\":{\"volume\":2,");
    }
}
