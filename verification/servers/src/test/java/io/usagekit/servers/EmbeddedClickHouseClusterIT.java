package io.usagekit.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two shards answer as one cluster, keep their tables when they are killed, and end with the JVM that started them. */
@Tag("thorough")
@Timeout(120)
class EmbeddedClickHouseClusterIT {

    private static final HttpClient HTTP = HttpClient.newHttpClient();

    /** A JVM that starts a shard, prints its process and waits for the end of its standard input. */
    static final class Other {
        private Other() {}

        public static void main(String[] arguments) throws IOException {
            EmbeddedClickHouseCluster.start(1);
            ProcessHandle.current().children().forEach(child -> System.out.println(child.pid()));
            System.in.transferTo(OutputStream.nullOutputStream());
        }
    }

    @BeforeAll
    static void isInstalled() {
        // ClickHouse isn't published to Maven Central: a machine without it skips these tests, and says so. .ci/run
        // installs it, so that no change is merged without them.
        assumeTrue(
                ClickHouseCluster.isInstalled(),
                () -> ClickHouseCluster.announceSkipped(EmbeddedClickHouseClusterIT.class));
    }

    @Test
    void shardsAnswerAsOneClusterAndKeepTheirTablesWhenKilled() throws Exception {
        try (EmbeddedClickHouseCluster cluster = EmbeddedClickHouseCluster.start(2)) {
            List<String> urls = cluster.jdbcUrls();
            for (String url : urls) {
                run(url, "create database d");
                run(url, "create table d.numbers (n Int64) engine = MergeTree order by n");
                run(
                        url,
                        "create table d.all_numbers as d.numbers engine = Distributed(" + cluster.name()
                                + ", d, numbers, n)");
            }
            run(
                    urls.get(0),
                    "insert into d.all_numbers select number from numbers(1000)"
                            + " settings distributed_foreground_insert = 1");

            assertThat(run(urls.get(1), "select count() from d.all_numbers")).isEqualTo("1000");
            assertThat(run(urls.get(1), "select count() from d.numbers")).isEqualTo("500");

            cluster.kill(1);
            assertThat(run(urls.get(0), "select count() from d.all_numbers")).contains("ALL_CONNECTION_TRIES_FAILED");

            cluster.restart(1);
            assertThat(run(urls.get(0), "select count() from d.all_numbers")).isEqualTo("1000");
        }
    }

    @Test
    void endsWithTheJvmThatStartedIt(@TempDir Path directory) throws Exception {
        Process other = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        // Where it is killed, nobody deletes what it leaves there.
                        "-Djava.io.tmpdir=" + directory,
                        "-cp",
                        System.getProperty("java.class.path"),
                        Other.class.getName())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader out = other.inputReader()) {
            Optional<ProcessHandle> shard = ProcessHandle.of(Long.parseLong(out.readLine()));
            assertThat(shard).isPresent();

            other.destroyForcibly();

            assertThat(shard.get().onExit()).succeedsWithin(60, TimeUnit.SECONDS);
        } finally {
            other.destroyForcibly();
        }
    }

    @Test
    void startsOnOtherPortsWhereOneWasTaken() throws IOException {
        for (int which : List.of(0, 1)) { // that of HTTP, and that of the other shards
            AtomicInteger attempts = new AtomicInteger();
            try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                    EmbeddedClickHouseCluster started = FreePorts.start(() -> {
                        int[] ports = FreePorts.choose(2);
                        if (attempts.incrementAndGet() == 1) {
                            ports[which] = taken.getLocalPort();
                        }
                        return EmbeddedClickHouseCluster.startOn(ports, 1);
                    })) {
                assertThat(started.jdbcUrls()).hasSize(1);
                assertThat(attempts).hasValue(2);
            }
        }
    }

    private static String run(String jdbcUrl, String sql) throws IOException, InterruptedException {
        return HTTP.send(
                        HttpRequest.newBuilder(URI.create(jdbcUrl.replace("jdbc:ch", "http") + "/"))
                                .POST(HttpRequest.BodyPublishers.ofString(sql))
                                .build(),
                        HttpResponse.BodyHandlers.ofString())
                .body()
                .strip();
    }
}
