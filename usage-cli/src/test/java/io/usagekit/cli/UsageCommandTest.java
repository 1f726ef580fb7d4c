package io.usagekit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Exit codes and messages that need no server. */
class UsageCommandTest {

    private static final int BAD_USAGE = 2;
    private static final int FAILURE = 1;

    /** Nothing listens there. */
    private static final String NOWHERE = "jdbc:postgresql://127.0.0.1:1/x?connectTimeout=2";

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--help",
                "demo --help",
                "load --help",
                "get --help",
                "install --help",
                "indexes --help",
                "rollups --help",
                "rows export --help",
                "rollups verify --help",
                "rollups verify --version",
                "clickhouse --help",
                "clickhouse install --help",
                "--version"
            })
    void helpIsNoFailure(String line) {
        Run run = Run.of(line.split(" ", -1)).succeeded();

        assertThat(run.out()).contains("usage");
        assertThat(run.err()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'' | Missing required subcommand",
                "gett | Unmatched argument",
                "get --organisation o --period 2026-03 | Missing required option: '--jdbc-url=URL'",
                "load --file f | Missing required option: '--jdbc-url=URL'",
                "load --jdbc-url " + NOWHERE + " | Missing required option: '--file=FILE'",
                "install | Missing required option: '--jdbc-url=URL'",
                "indexes | Missing required subcommand",
                "indexes install | Missing required option: '--jdbc-url=URL'",
                "rollups | Missing required subcommand",
                "rollups status | Missing required option: '--jdbc-url=URL'",
                "rollups statsu | Unmatched argument",
                "clickhouse | Missing required subcommand",
                "clickhouse status | Missing required option: '--clickhouse-url=URL'",
                "clickhouse ship --clickhouse-url jdbc:ch://127.0.0.1:1 | Missing required option: '--jdbc-url=URL'",
                "clickhouse install --clickhouse-url jdbc:ch://127.0.0.1:1 --engine Log | engine must be MergeTree or",
                "partitions | Missing required subcommand",
                "partitions run | Missing required option: '--jdbc-url=URL'",
                "partitions expire --jdbc-url " + NOWHERE + " | Missing required option: '--before=INSTANT'",
                "get --jdbc-url " + NOWHERE + " --period 2026-03 | Missing required option: '--organisation=ID'",
                "get --jdbc-url " + NOWHERE + " --organisation o | specify one of these",
                "get --jdbc-url " + NOWHERE + " --organisation o --from 2026-03-01 | --to",
                "get --jdbc-url " + NOWHERE + " --organisation o --to 2026-03-01 | --from",
                "get --jdbc-url " + NOWHERE
                        + " --organisation o --period 2026-03 --format xml | expected one of [JSON, TABLE]",
                "get --jdbc-url " + NOWHERE
                        + " --organisation o --period 2026-03 --from 2026-03-01 --to 2026-03-02 | only one",
                "demo --events many | --events",
                "demo --port -1 | port must be 0 to 65535, but was -1",
                "demo --port 65536 | port must be 0 to 65535, but was 65536",
                "demo --processes 1 | processes must be 2 to 16, but was 1",
                "demo --processes 17 --once | processes must be 2 to 16, but was 17",
                "demo --processes 0 --jdbc-url " + NOWHERE + " | processes must be 2 to 16, but was 0",
                "demo --processes -3 | processes must be 2 to 16, but was -3",
                "demo --processes several | --processes",
                "demo --processes | --processes",
                "demo --events 0 | events must be 1 to 10000000, but was 0",
            })
    void badUsageIsExitCode2(String line, String message) {
        Run.of(line.isEmpty() ? new String[0] : line.split(" ", -1))
                .failed(BAD_USAGE)
                .saying(message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--organisation o --period 2026-13 | 2026-13",
                "--organisation o --period March | March",
                "--organisation o --from 2026-03-02 --to 2026-03-01 | start must be before end",
                "--organisation o --from 2026-03-01 --to 2026-03-01 | start must be before end",
                "--organisation o --from 2025-01-01 --to 2026-02-06 | at most 366 days",
                "--organisation o --from yesterday --to 2026-02-06 | from must be an instant",
                "--organisation o --period 2026-03 --zone Mars/Olympus | zone must be",
                "--organisation '' --period 2026-03 | organisationId must not be blank",
            })
    void whatTheLibraryRejectsIsBadUsageBeforeAnyConnection(String options, String message) {
        String line =
                "get|--jdbc-url|" + NOWHERE + "|" + options.replace("''", "").replace(' ', '|');
        Run.of(line.split("\\|", -1)).failed(BAD_USAGE).saying("usage get: ", message);
    }

    @Test
    void anOrganisationIdThatIsTooLongIsBadUsage() {
        Run.of("get", "--jdbc-url", NOWHERE, "--organisation", "x".repeat(10_000), "--period", "2026-03")
                .failed(BAD_USAGE)
                .saying("at most 255 characters, but has 10000");
        Run.of("load", "--jdbc-url", NOWHERE, "--project", "x".repeat(10_000), "--file", "f")
                .failed(BAD_USAGE)
                .saying("project must have at most 255");
    }

    @ParameterizedTest
    @ValueSource(strings = {"mysql://u:hunter2@h/d", "jdbc:postgresql://u:hunter2@h:port/d", "hunter2", ""})
    void aBadUrlIsBadUsageAndIsntQuoted(String url) {
        Run database = Run.of("get", "--jdbc-url", url, "--organisation", "o", "--period", "2026-03")
                .failed(BAD_USAGE)
                .saying("--jdbc-url must look like jdbc:postgresql://");
        Run redis = Run.of(
                        "get", "--jdbc-url", NOWHERE, "--redis-url", url, "--organisation", "o", "--period", "2026-03")
                .failed(BAD_USAGE)
                .saying("--redis-url must look like redis://");
        Run demo =
                Run.of("demo", "--redis-url", url, "--once").failed(BAD_USAGE).saying("--redis-url must");

        Run clickHouse = Run.of("clickhouse", "status", "--clickhouse-url", url)
                .failed(BAD_USAGE)
                .saying("--clickhouse-url must look like jdbc:ch://");

        assertThat(database.err() + redis.err() + demo.err() + clickHouse.err()).doesNotContain("hunter2");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "get --organisation o --period 2026-03",
                "install",
                "demo --once --events 10",
            })
    void aDatabaseThatIsntThereIsExitCode1InOneLine(String line) {
        Run run = Run.of(withUrls(line));

        run.failed(FAILURE).saying("127.0.0.1:1 refused");
        assertThat(run.err().strip().lines()).hasSize(1);
    }

    private static String[] withUrls(String line) {
        String redis = line.startsWith("install") ? "" : " --redis-url redis://127.0.0.1:1";
        return (line + " --jdbc-url " + NOWHERE + redis).split(" ", -1);
    }

    @Test
    void aFileThatIsntThereIsExitCode1() {
        Run.of("load", "--jdbc-url", NOWHERE, "--file", "no/such/file")
                .failed(FAILURE)
                .saying("no such file: no/such/file");
        Run.of("load", "--jdbc-url", NOWHERE, "--file", ".").failed(FAILURE).saying("'.' is a directory");
    }

    @Test
    void aBadInstantIsBadUsage() {
        Run.of("load", "--jdbc-url", NOWHERE, "--file", ".", "--at", "noon")
                .failed(BAD_USAGE)
                .saying("--at must be an instant", "noon");
    }

    @Test
    void installPrintsTheDdlOfTheSchemaWithoutADatabase() {
        Run run = Run.of("install", "--print", "--schema", "my schema").succeeded();

        assertThat(run.out())
                .contains("create schema if not exists \"my schema\";")
                .contains("\"my schema\".\"events\"");
        assertThat(run.err()).isEmpty();
    }

    @Test
    void clickHousePrintsTheDdlOfItsTablesWithoutAServer() {
        Run run = Run.of(
                        "clickhouse",
                        "install",
                        "--print",
                        "--on-cluster",
                        "--engine",
                        "ReplicatedMergeTree('/{shard}/{table}', '{replica}')",
                        "--clickhouse-url",
                        "jdbc:ch://127.0.0.1:1",
                        "--clickhouse-database",
                        "billing",
                        "--clickhouse-cluster",
                        "main")
                .succeeded();

        assertThat(run.out())
                .contains("create database if not exists `billing` on cluster `main`;")
                .contains("engine = ReplicatedMergeTree('/{shard}/{table}', '{replica}')");
        assertThat(run.err()).isEmpty();
    }
}
