package io.usagekit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The demo of the jar as it is packaged, in a process of its own. */
class DemoJarIT extends JarFixture {

    private static final Pattern CURL = Pattern.compile("curl -s '(\\S+)'");
    private static final Pattern PAGE = Pattern.compile("The usage page: (\\S+)");
    private static final int TERMINATED = 143;

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
        // ClickHouse comes from npm, which a machine with a JDK and Maven alone lacks; .ci/run installs it.
        assumeTrue(ClickHouseCluster.isInstalled(), () -> ClickHouseCluster.announceSkipped(DemoJarIT.class));
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
