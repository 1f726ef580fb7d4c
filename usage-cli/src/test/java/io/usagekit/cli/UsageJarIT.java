package io.usagekit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.usagekit.cli.demo.Await;
import io.usagekit.cli.support.UsageTables;
import io.usagekit.servers.ClickHouseCluster;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The jar as it is packaged, in processes of its own. */
class UsageJarIT {

    private static final Path JAR = Path.of("target/usage.jar");
    private static final Pattern CURL = Pattern.compile("curl -s '(\\S+)'");
    private static final Pattern PAGE = Pattern.compile("The usage page: (\\S+)");
    private static final int TERMINATED = 143;

    @TempDir
    private Path directory = Path.of("");

    @BeforeAll
    static void isPackaged() {
        assertThat(JAR).as("built by mvn package").exists();
        Run.of("install", "--jdbc-url", TestServers.jdbcUrl(), "--schema", TestServers.without("jar"))
                .succeeded();
    }

    private static ProcessBuilder java(String... args) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", JAR.toString()));
        command.addAll(List.of(args));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("LC_ALL", "C.UTF-8");
        return builder;
    }

    private Run run(ProcessBuilder builder) throws IOException, InterruptedException {
        Path out = directory.resolve("out");
        Path err = directory.resolve("err");
        Process process =
                builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
        try {
            assertThat(process.waitFor(2, TimeUnit.MINUTES)).as("it ended").isTrue();
        } finally {
            process.destroyForcibly();
        }
        return new Run(process.exitValue(), Files.readString(out), Files.readString(err));
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
    void aDemoThatCantConnectSaysSoInOneLine() throws IOException, InterruptedException {
        Run run = run(java(
                        "demo",
                        "--jdbc-url",
                        "jdbc:postgresql://127.0.0.1:1/x",
                        "--redis-url",
                        TestServers.REDIS.url(),
                        "--once"))
                .failed(1)
                .saying("refused");

        assertThat(run.err().strip().lines()).hasSize(1);
    }

    @Test
    void aDemoWithoutClickHouseSaysHowToInstallItAndStartsNothing() throws IOException, InterruptedException {
        ProcessBuilder builder = java("demo", "--once", "--clickhouse");
        builder.environment().put(ClickHouseCluster.LIBRARY_VARIABLE, "/missing/libchdb.so");
        Run run = run(builder)
                .failed(1)
                .saying(
                        "no ClickHouse on this machine: there is no /missing/libchdb.so",
                        "npm install --prefix",
                        "@chdb/lib-linux-x64-gnu@");

        assertThat(run.err().strip().lines()).hasSize(1);
        assertThat(run.out()).isEmpty();
    }

    @Tag("thorough")
    @Test
    void theDemoShowsTheSameMonthFromTwoShardsAndWhatCallersReceiveWhenOneIsKilled()
            throws IOException, InterruptedException {
        assumeTrue(ClickHouseCluster.isInstalled(), () -> ClickHouseCluster.announceSkipped(UsageJarIT.class));
        Path temporary = Files.createDirectory(directory.resolve("shards"));
        ProcessBuilder builder = java(
                "demo",
                "--once",
                "--clickhouse",
                "--events",
                "2000",
                "--jdbc-url",
                TestServers.jdbcUrl(),
                "--redis-url",
                TestServers.REDIS.url(),
                "--schema",
                TestServers.without("demo_shards"));
        builder.command().add(1, "-Djava.io.tmpdir=" + temporary);

        String out = run(builder).succeeded().out();

        String[] largest = TestServers.query("select count(*), sum(octet_length(raw) + octet_length(data))"
                        + " from demo_shards.events e join demo_shards.projects p on p.id = e.project_id"
                        + " where p.organisation_id = 'org-01' and p.deleted_at is null and e.deleted_at is null"
                        + " and e.created_at >= '2026-03-01Z' and e.created_at < '2026-04-01Z'")
                .split("[|]", -1);
        String bytes = UsageTables.grouped(Long.parseLong(largest[1]));
        String received = "\\| +" + largest[0] + " \\| +" + bytes + " \\| .*\\R";
        assertThat(out)
                .containsPattern("to which [0-9,]+ hours were shipped")
                .containsPattern("\\| roll-ups +" + received + "\\| shards, proved by PostgreSQL +" + received
                        + "\\| shards alone +" + received)
                .containsPattern("Shard [12] is killed \\(kill -9\\):\\R"
                        + "  shards, after [0-9.]+ ms: UsageCalculationException, transient: the sums of .*\\R"
                        + "  roll-ups, after [0-9.]+ ms: " + bytes + " bytes received, .*\\R")
                .containsPattern("Shard [12] is back without its cells:\\R"
                        + "  shards, after [0-9.]+ ms: " + bytes + " bytes received, .*\\R"
                        + "  by roll-ups, since cells of [123] projects? are missing .* [0-9,]+ hours are shipped again\\R"
                        + "  shards, after [0-9.]+ ms: " + bytes + " bytes received, .*\\R");
        assertThat(temporary).as("the shards' tables").isEmptyDirectory();
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

    @Test
    void theDemoServesUntilItIsToldToStopAndLeavesNothingBehind() throws IOException, InterruptedException {
        Path err = directory.resolve("demo-err");
        Path temporary = Files.createDirectory(directory.resolve("tmp"));
        ProcessBuilder builder = java("demo", "--events", "400", "--port", "0");
        builder.command().add(1, "-Djava.io.tmpdir=" + temporary);
        Process demo = builder.redirectError(err.toFile()).start();
        try (BufferedReader out = demo.inputReader(StandardCharsets.UTF_8)) {
            String printed = await(out, err);
            HttpResponse<String> response = get(address(CURL, printed));
            assertThat(response.statusCode()).isEqualTo(200);
            assertThat(response.body()).contains("\"organisation_id\":\"org-", "\"period\":\"2026-03\"");
            URI page = address(PAGE, printed);
            assertThat(get(page).body())
                    .contains("<h2>March 2026</h2>", "id=\"received-volume\"", "id=\"projects\"", "id=\"days\"");
            assertThat(get(page.resolve("/usage/assets/uPlot.js")).body()).contains("uPlot");
            assertThat(get(page.resolve("/usage/org-01/events?day=2026-03-17")).statusCode())
                    .isEqualTo(200);

            List<ProcessHandle> servers = descendants(demo);
            assertThat(servers).as("PostgreSQL and Redis").isNotEmpty();
            demo.destroy();
            assertThat(demo.waitFor(1, TimeUnit.MINUTES)).as("it ended").isTrue();
            assertThat(demo.exitValue()).isEqualTo(TERMINATED);
            for (ProcessHandle server : servers) {
                assertThat(server.onExit()
                                .completeOnTimeout(server, 20, TimeUnit.SECONDS)
                                .join()
                                .isAlive())
                        .as("still running: %s", server.info())
                        .isFalse();
            }
            assertThat(Files.readString(err)).isEmpty();
            try (Stream<Path> left = Files.list(temporary)) {
                assertThat(left.map(file -> file.getFileName().toString()))
                        .noneMatch(name -> name.startsWith("usagekit"));
            }
        } finally {
            demo.destroyForcibly();
        }
    }

    @Tag("thorough")
    @Tag("thorough")
    @Test
    void theProcessesOfTheDemoEndWithItEvenIfItIsKilled() throws IOException {
        Process demo = java(
                        "demo",
                        "--once",
                        "--events",
                        "400",
                        "--processes",
                        "2",
                        "--jdbc-url",
                        TestServers.jdbcUrl(),
                        "--redis-url",
                        TestServers.REDIS.url(),
                        "--schema",
                        TestServers.without("jar_fleet"))
                .redirectOutput(directory.resolve("out").toFile())
                .redirectErrorStream(true)
                .start();
        List<ProcessHandle> members = List.of();
        try {
            members = Await.until(
                    "both have been started",
                    () -> Optional.of(Await.members(demo.toHandle())).filter(list -> list.size() == 2));

            demo.destroyForcibly();

            for (ProcessHandle member : members) {
                assertThat(member.onExit()
                                .completeOnTimeout(member, 30, TimeUnit.SECONDS)
                                .join()
                                .isAlive())
                        .as("still running: %s", member.info())
                        .isFalse();
            }
        } finally {
            members.forEach(ProcessHandle::destroyForcibly);
            demo.destroyForcibly();
        }
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

    private static List<ProcessHandle> descendants(Process process) {
        try (Stream<ProcessHandle> all = process.descendants()) {
            return all.toList();
        }
    }

    private static HttpResponse<String> get(URI address) throws IOException, InterruptedException {
        return HttpClient.newHttpClient().send(HttpRequest.newBuilder(address).build(), BodyHandlers.ofString());
    }

    private static URI address(Pattern pattern, String printed) {
        Matcher address = pattern.matcher(printed);
        assertThat(address.find()).as("%s in\n%s", pattern, printed).isTrue();
        return URI.create(address.group(1));
    }

    /** What the demo prints until it serves. */
    private static String await(BufferedReader out, Path err) throws IOException {
        StringBuilder read = new StringBuilder();
        for (String line = out.readLine(); line != null; line = out.readLine()) {
            read.append(line).append('\n');
            if (CURL.matcher(line).find()) {
                return read.toString();
            }
        }
        throw new AssertionError("the demo ended before it served:\n" + read + Files.readString(err));
    }
}
