package io.usagekit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.usagekit.cli.demo.Await;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The jar as it is packaged, in processes of its own. */
class UsageJarIT extends JarFixture {

    @BeforeAll
    static void installTables() {
        Run.of("install", "--jdbc-url", TestServers.jdbcUrl(), "--schema", TestServers.without("jar"))
                .succeeded();
    }

    @Test
    void anExportGoesToStandardOutputAndItsProgressDoesnt() throws IOException, InterruptedException {
        Run.of("events", "install", "--jdbc-url", TestServers.jdbcUrl(), "--schema", TestServers.without("exported"))
                .succeeded();
        TestServers.execute("insert into exported.projects (id, organisation_id) values ('p', 'o');"
                + "insert into exported.events (id, project_id, raw) values ('e', 'p', 'héllo')");
        Run exported = run(java(
                        "events",
                        "export",
                        "--jdbc-url",
                        TestServers.jdbcUrl(),
                        "--schema",
                        "exported",
                        "--project",
                        "p",
                        "--format",
                        "ndjson"))
                .succeeded();
        assertThat(new ObjectMapper().readTree(exported.out()).get("raw").asText())
                .isEqualTo("héllo");
        assertThat(exported.err()).startsWith("1 events, ");
    }

    @Test
    void exitCodeZeroAndTheAnswerOnStandardOutputAlone() throws IOException, InterruptedException {
        Run version = run(java("--version")).succeeded();
        Run got = run(java(
                        "get",
                        "--jdbc-url",
                        TestServers.jdbcUrl(),
                        "--schema",
                        "jar",
                        "--organisation",
                        "é/🚀",
                        "--period",
                        "2026-03"))
                .succeeded();

        assertThat(version.out()).matches("usage [0-9]\\S+\\R");
        assertThat(got.out()).startsWith("{\"status\":true,").contains("\"organisation_id\":\"é/🚀\"");
        assertThat(version.err() + got.err()).isEmpty();
    }

    @Test
    void exitCodeTwoForBadUsage() throws IOException, InterruptedException {
        run(java()).failed(2).saying("Missing required subcommand");
        run(java("get", "--jdbc-url", TestServers.jdbcUrl(), "--organisation", "o", "--period", "2026-13"))
                .failed(2)
                .saying("2026-13");
    }

    @Test
    void exitCodeOneForAFailure() throws IOException, InterruptedException {
        Run run = run(java(
                        "get",
                        "--jdbc-url",
                        "jdbc:postgresql://127.0.0.1:1/x",
                        "--organisation",
                        "o",
                        "--period",
                        "2026-03"))
                .failed(1)
                .saying("refused");

        assertThat(run.err().strip().lines()).hasSize(1);
    }

    @Test
    void whatTheLocaleGarblesIsRefused() throws IOException, InterruptedException {
        ProcessBuilder ascii = java(
                "get",
                "--jdbc-url",
                TestServers.jdbcUrl(),
                "--schema",
                "jar",
                "--organisation",
                "é",
                "--period",
                "2026-03");
        ascii.environment().put("LC_ALL", "C");

        run(ascii).failed(2).saying("can't be read in this locale", "LC_ALL=C.UTF-8");
    }

    @Test
    void thePasswordMayComeFromTheEnvironment() throws IOException, InterruptedException {
        TestServers.execute("drop role if exists jar_user; create role jar_user login password 'from the environment';"
                + "grant usage on schema jar to jar_user; grant select on all tables in schema jar to jar_user");
        String url = TestServers.jdbcUrl().replaceFirst("user=\\w+(&password=[^&]*)?", "ssl=false");
        ProcessBuilder builder = java(
                "get",
                "--jdbc-url",
                url,
                "--user",
                "jar_user",
                "--schema",
                "jar",
                "--organisation",
                "o",
                "--period",
                "2026-03");
        builder.environment().put("PGPASSWORD", "from the environment");

        run(builder).succeeded();
    }

    @Test
    void aPasswordIsAskedForOnStandardError() throws IOException, InterruptedException {
        Path answer = Files.writeString(directory.resolve("answer"), "typed in\n");
        ProcessBuilder builder = java(
                "get",
                "--jdbc-url",
                TestServers.jdbcUrl(),
                "--password",
                "--schema",
                "jar",
                "--organisation",
                "o",
                "--period",
                "2026-03");

        Run run = run(builder.redirectInput(answer.toFile())).succeeded();

        assertThat(run.err()).isEqualTo("Password: ");
        assertThat(run.out()).startsWith("{\"status\":true,");
    }

    /** The table is locked until both are there, so that neither can have been too late. */
    @Tag("thorough")
    @Test
    void twoProcessesThatAskForTheSameColdFigureComputeItOnce() throws Exception {
        String organisation = "org-" + UUID.randomUUID();
        String[] question = {
            "get",
            "--jdbc-url",
            TestServers.jdbcUrl(),
            "--schema",
            "jar",
            "--redis-url",
            TestServers.REDIS.url(),
            "--organisation",
            organisation,
            "--period",
            "2026-03",
            "--freshness"
        };
        List<CompletableFuture<Process>> ended = new ArrayList<>();
        RedisClient client = RedisClient.create(TestServers.REDIS.url());
        try (Connection connection = TestServers.POSTGRES.dataSource().getConnection();
                Statement statement = connection.createStatement();
                StatefulRedisConnection<String, String> redis = client.connect()) {
            connection.setAutoCommit(false);
            statement.execute("lock table jar.events in access exclusive mode");
            for (String name : List.of("get-1", "get-2")) {
                ended.add(java(question)
                        .redirectOutput(directory.resolve(name).toFile())
                        .redirectError(directory.resolve(name + "-err").toFile())
                        .start()
                        .onExit());
            }
            Await.until(
                    "both listen for what the other computes",
                    () -> Optional.ofNullable(
                                    redis.sync().pubsubNumsub("usage:wakeups").get("usage:wakeups"))
                            .filter(listening -> listening == 2));
            Await.until("one computes", () -> Optional.of(waiting()).filter(queries -> queries == 1));
            connection.commit();
            for (String name : List.of("get-1", "get-2")) {
                Process process = ended.remove(0).join();
                assertThat(process.exitValue())
                        .as("%s", Files.readString(directory.resolve(name + "-err")))
                        .isZero();
            }
        } finally {
            client.shutdown();
        }
        String first = Files.readString(directory.resolve("get-1"));
        String second = Files.readString(directory.resolve("get-2"));
        assertThat(first).contains(organisation);
        assertThat(asOf(second)).as("computed at, to the microsecond").isEqualTo(asOf(first));
    }

    private static int waiting() {
        return Integer.parseInt(TestServers.query("select count(distinct pid) from pg_locks where not granted"
                + " and relation = 'jar.events'::regclass"));
    }

    private static String asOf(String json) throws IOException {
        String asOf =
                new ObjectMapper().readTree(json).path("data").path("as_of").asText();
        assertThat(asOf).as("%s", json).isNotEmpty();
        return asOf;
    }
}
