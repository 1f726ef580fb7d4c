package io.usagekit.cli.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.cli.Run;
import io.usagekit.cli.TestServers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tables and columns of other names. */
class MappingIT {

    private static final String SCHEMA = "renamed";

    private static final String NAMES = """
            schema = renamed
            projects = teams
            projectId = team
            projectOrganisationId = customer
            projectDeletedAt =
            events = messages
            eventId = message
            eventProjectId = team
            eventCreatedAt = received_at
            eventDeletedAt =
            payload = body, attachment
            deliveries = attempts
            deliveryProjectId = team
            deliveryEventId = message
            deliveryStatus = result
            deliveryCreatedAt = sent_at
            deliveredStatuses = ok, late
            """;

    @TempDir
    private Path directory = Path.of("");

    @BeforeAll
    static void create() {
        drop();
        TestServers.execute(
                "create schema renamed;"
                        + "create table renamed.teams (team text primary key, customer text not null);"
                        + "create table renamed.messages (message text primary key, team text not null, body text,"
                        + " attachment bytea, received_at timestamptz not null);"
                        + "create table renamed.attempts (attempt bigint generated always as identity primary key,"
                        + " team text not null, message text not null, result text not null, sent_at timestamptz not null);"
                        + "insert into renamed.teams values ('t', 'org-123');"
                        + "insert into renamed.messages values ('m1', 't', 'seven b', 'xx', '2026-03-17Z'),"
                        + " ('m2', 't', 'seven b', null, '2026-03-18Z');"
                        + "insert into renamed.attempts (team, message, result, sent_at) values"
                        + " ('t', 'm1', 'ok', '2026-03-17Z'), ('t', 'm1', 'late', '2026-03-18Z'), ('t', 'm2', 'lost', '2026-03-18Z')");
    }

    @AfterAll
    static void drop() {
        TestServers.without(SCHEMA + "_rollups");
        TestServers.without(SCHEMA + "_partitions");
        TestServers.without(SCHEMA);
    }

    private Run run(String names, String... command) throws IOException {
        Path file = Files.writeString(directory.resolve("names.properties"), names);
        return Run.of(
                Stream.of(List.of(command), List.of("--jdbc-url", TestServers.jdbcUrl(), "--mapping", file.toString()))
                        .flatMap(List::stream)
                        .toArray(String[]::new));
    }

    @Test
    void figuresAndRollUpsAreThoseOfTheNamedTables() throws IOException {
        String figure = "\"received\":{\"volume\":2,\"bytes\":16},\"sent\":{\"volume\":2,\"bytes\":18}";
        assertThat(run(NAMES, "get", "--organisation", "org-123", "--period", "2026-03")
                        .succeeded()
                        .out())
                .contains(figure);
        Run verify = run(NAMES, "rollups", "verify").failed(1).saying("there are no roll-ups");
        assertThat(verify.err()).containsPattern("run \"usage rollups install --mapping \\S+names.properties\" first");
        run(NAMES, "rollups", "install").succeeded();
        run(NAMES, "rollups", "backfill").succeeded();
        run(NAMES, "rollups", "verify").succeeded();
        assertThat(run(NAMES, "get", "--rollups", "--organisation", "org-123", "--period", "2026-03")
                        .succeeded()
                        .out())
                .contains(figure);
        assertThat(run(NAMES, "partitions", "status").succeeded().out()).contains("events: plain");
    }

    @Test
    void storedSizesCountAsNamed() throws IOException {
        TestServers.execute(
                "alter table renamed.messages add body_size integer, add attachment_size integer;"
                        + "alter table renamed.attempts add message_size integer;"
                        + "update renamed.messages set body_size = 1000 where message = 'm1';"
                        + "update renamed.attempts set message_size = 5000 where attempt = 1;"
                        + "insert into renamed.attempts (team, message, result, sent_at, message_size) values ('t', 'm0', 'ok', '2026-04-17Z', 70)");
        String sizes = NAMES + "storedBytes = body:body_size, attachment : attachment_size\n";
        assertThat(get(sizes, "2026-03"))
                .contains("\"received\":{\"volume\":2,\"bytes\":1009},\"sent\":{\"volume\":2,\"bytes\":2004}");
        assertThat(get(sizes + "deliveryStoredBytes = message_size\n", "2026-04"))
                .contains("\"sent\":{\"volume\":1,\"bytes\":70}");
        assertThat(get(sizes, "2026-04")).contains("\"sent\":{\"volume\":1,\"bytes\":0}");
        TestServers.execute("delete from renamed.attempts where message = 'm0'");
    }

    private String get(String names, String period) throws IOException {
        return run(names, "get", "--organisation", "org-123", "--period", period)
                .succeeded()
                .out();
    }

    @Test
    void theSchemaMayComeFromTheCommandLine() throws IOException {
        run(NAMES, "get", "--organisation", "o", "--period", "2026-03", "--schema", "elsewhere")
                .failed(1)
                .saying("there is no schema \"elsewhere\"");
    }

    @Test
    void aTableThatIsntThereIsNamed() throws IOException {
        String names = NAMES.replace("= attempts", "= tries");
        run(names, "rollups", "install")
                .failed(1)
                .saying("there is no table \"renamed\".\"tries\" (mapped as deliveries)");
        run(names, "partitions", "ahead").failed(1).saying("tries");
        run(names, "get", "--organisation", "o", "--period", "2026-03")
                .failed(1)
                .saying("there is no table \"renamed\".\"tries\" (mapped as deliveries)");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "projects = teams | schema must be given, there or by --schema",
                "schema = s\\nproject = teams | there is no key project; keys are preset, schema, projects",
                "schema = s\\npreset = other | preset must be one of [gateway, own], but was 'other'",
                "schema = s\\nevents = | events must be an identifier of 1 to 63 bytes",
                "schema = s\\npayload = | payload must name at least one column where storedBytes names none",
                "schema = s\\nstoredBytes = raw:raw_bytes, data:b:c | storedBytes must be one column, or columns after",
                "schema = s\\nstoredBytes = body:raw_bytes | storedBytes must name one column for each of some payload",
                "schema = s\\neventDeletedAt = created_at | eventDeletedAt must name a column that is set in deleted rows",
                "schema = s\\ntimestampsIn = Europe/Berlin | timestampsIn must be UTC, but was Europe/Berlin",
                "schema = s\\ntimestampsIn = utc+0 | timestampsIn must be UTC, but was",
                "schema = s\\nkeepDeletedProjects = yes | keepDeletedProjects must be true or false, but was",
                "schema = s\\ndeliveredStatuses = , | deliveredStatuses must name at least one status",
                "schema = s\\nevents = \\\\u12 | can't be read",
            })
    void aBadMappingIsBadUsageBeforeAnyConnection(String names, String message) throws IOException {
        Path file = Files.writeString(
                directory.resolve("bad.properties"), names.replace("\\n", "\n").replace("\\\\", "\\"));
        Run.of("rollups", "status", "--jdbc-url", "jdbc:postgresql://127.0.0.1:1/x", "--mapping", file.toString())
                .failed(2)
                .saying("bad.properties", message);
    }

    @Test
    void aMappingThatIsntThereIsNamed() {
        Run.of(
                        "get",
                        "--jdbc-url",
                        TestServers.jdbcUrl(),
                        "--mapping",
                        "no/such",
                        "--organisation",
                        "o",
                        "--period",
                        "2026-03")
                .failed(1)
                .saying("no such file: no/such");
    }
}
