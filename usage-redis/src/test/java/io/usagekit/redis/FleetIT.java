package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.servers.EmbeddedRedisServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Single-flight across JVMs that request the same figures, are killed or paused, and lose their Redis. */
class FleetIT {

    private static final int MEMBERS = 3;
    private static final int CALLERS = 64;

    private static final boolean THOROUGH = Boolean.getBoolean("usagekit.thorough");

    /** Rounds before the latency is measured: until its code is compiled, a new process takes up to 90 ms more a round. */
    private static final int WARM_UP_ROUNDS = THOROUGH ? 10 : 2;

    private static final int ROUNDS = THOROUGH ? 20 : 5;
    private static final Duration COMPUTATION = Duration.ofMillis(500);
    private static final Duration LEASE = Duration.ofSeconds(1);

    /** So long that no stall of a loaded machine, e.g. with other JVMs starting, costs a leader that lives its lease. */
    private static final Duration LONG_LEASE = Duration.ofSeconds(4);

    @TempDir
    private Path directory = Path.of("");

    private EmbeddedRedisServer server;
    private RedisClient client;
    private final List<Member> members = new ArrayList<>();

    @BeforeEach
    void start() {
        server = EmbeddedRedisServer.start();
        client = RedisClient.create(server.url());
    }

    @AfterEach
    void stop() {
        members.forEach(Member::kill);
        client.shutdown();
        server.close();
    }

    @Test
    void computesColdKeyOncePerRoundInWholeFleet() {
        launch(MEMBERS, CALLERS, COMPUTATION, Duration.ofSeconds(5));
        for (int round = 1; round <= WARM_UP_ROUNDS; round++) {
            together("warm-up-" + round);
        }
        List<Long> extra = new ArrayList<>();
        List<Integer> commands = new ArrayList<>();
        try (CommandMonitor monitor = new CommandMonitor(client, server.url())) {
            for (int round = 1; round <= ROUNDS; round++) {
                long before = started();
                List<Answer> answers = together("org-" + round);
                commands.add(monitor.sent().size());
                assertThat(started() - before)
                        .as("computations in round %s", round)
                        .isEqualTo(1);
                assertThat(answers).hasSize(MEMBERS * CALLERS);
                assertThat(answers).extracting(Answer::figure).containsOnly(Long.toString(started()));
                answers.forEach(answer -> extra.add(answer.micros() - COMPUTATION.toNanos() / 1_000));
            }
        }
        extra.sort(null);
        commands.sort(null);
        System.out.printf(
                Locale.ROOT,
                "FleetIT: %d JVMs x %d threads, %d rounds of a %d ms computation, after %d to warm up: extra latency p50 %.1f"
                        + " ms, p99 %.1f ms, at most %.1f ms; commands for a figure p50 %d, at most %d%n",
                MEMBERS,
                CALLERS,
                ROUNDS,
                COMPUTATION.toMillis(),
                WARM_UP_ROUNDS,
                extra.get(extra.size() / 2) / 1e3,
                extra.get(extra.size() * 99 / 100) / 1e3,
                extra.get(extra.size() - 1) / 1e3,
                commands.get(commands.size() / 2),
                commands.get(commands.size() - 1));
    }

    @Test
    void returnsFigureToAllCallersWhenLeaderIsKilled() throws IOException {
        launch(MEMBERS, CALLERS, COMPUTATION, LONG_LEASE);
        Member leader = members.get(0);
        holdComputations();
        var unused = leader.request("org-1");
        eventually("the leader computes", () -> started() == 1);
        List<CompletableFuture<List<Answer>>> others =
                members.stream().skip(1).map(member -> member.request("org-1")).toList();
        eventually("the other processes wait", () -> waiting() == MEMBERS - 1);

        leader.kill();
        long killed = System.nanoTime();
        letComputationsEnd();

        List<Answer> answers =
                others.stream().flatMap(answer -> answer.join().stream()).toList();
        Duration took = Duration.ofNanos(System.nanoTime() - killed);
        assertThat(answers).hasSize((MEMBERS - 1) * CALLERS);
        assertThat(answers)
                .extracting(Answer::figure)
                .as("figures of all callers")
                .containsOnly("2");
        assertThat(started()).as("computations").isEqualTo(2);
        assertThat(took)
                .as("time until all callers had the figure: lease, poll and computation, not the time-out of a load")
                .isLessThan(UsageServiceBuilder.DEFAULT_COMPUTATION_TIMEOUT);
        System.out.printf(
                Locale.ROOT,
                "FleetIT: leader killed; %d ms later, with a lease of %d ms and a computation of %d ms, all callers had the figure%n",
                took.toMillis(),
                LONG_LEASE.toMillis(),
                COMPUTATION.toMillis());
    }

    @Tag("thorough")
    @Test
    void discardsFigureOfLeaderPausedPastItsLease() throws Exception {
        launch(MEMBERS, CALLERS, COMPUTATION, LEASE);
        Member paused = members.get(0);
        holdComputations();
        CompletableFuture<List<Answer>> late = paused.request("org-1");
        eventually("the leader computes", () -> started() == 1);
        paused.signal("-STOP");
        letComputationsEnd();

        List<Answer> taken = members.get(1).request("org-1").join();
        assertThat(taken).extracting(Answer::figure).containsOnly("2");
        assertThat(late).isNotDone();
        paused.signal("-CONT");

        assertThat(late.join())
                .extracting(Answer::figure)
                .as("figures returned by the paused process")
                .containsOnly("2");
        assertThat(members.get(2).request("org-1").join())
                .extracting(Answer::figure)
                .as("stored figure")
                .containsOnly("2");
        assertThat(started()).isEqualTo(2);
    }

    @Tag("thorough")
    @Test
    void returnsComputedFigureWhenRedisRestartsDuringLoad() {
        launch(MEMBERS, CALLERS, Duration.ofSeconds(1), LEASE);
        List<CompletableFuture<List<Answer>>> requests =
                members.stream().map(member -> member.request("org-1")).toList();
        eventually("one process computes", () -> started() == 1);

        server.kill();
        server.restart();

        List<Answer> answers =
                requests.stream().flatMap(answer -> answer.join().stream()).toList();
        assertThat(answers)
                .hasSize(MEMBERS * CALLERS)
                .allSatisfy(
                        answer -> assertThat(Long.parseLong(answer.figure())).isBetween(1L, started()));
        assertThat(started()).as("computations: at most one a process").isLessThanOrEqualTo(MEMBERS + 1);
        eventually(
                "figures are shared again",
                () -> together("org-2").stream().map(Answer::figure).distinct().count() == 1);
    }

    /** Computations begin, and don't end before {@link #letComputationsEnd}. */
    private void holdComputations() throws IOException {
        Files.createFile(FleetMember.held(counter()));
    }

    private void letComputationsEnd() throws IOException {
        Files.delete(FleetMember.held(counter()));
    }

    /** Returns the number of loads that wait, or have waited, for another process. */
    private long waiting() {
        return FleetMember.count(FleetMember.followers(counter()));
    }

    private long started() {
        return FleetMember.count(counter());
    }

    private Path counter() {
        return directory.resolve("counter");
    }

    private void launch(int count, int callers, Duration computation, Duration lease) {
        for (int i = 0; i < count; i++) {
            members.add(
                    Member.launch(server.url(), counter(), callers, computation, lease, directory.resolve("err-" + i)));
        }
        members.forEach(Member::awaitReady);
    }

    private List<Answer> together(String organisation) {
        List<CompletableFuture<List<Answer>>> requests =
                members.stream().map(member -> member.request(organisation)).toList();
        return requests.stream().flatMap(answer -> answer.join().stream()).toList();
    }

    /** Answer to one caller: the figure, or {@code !} and the error, and the time it took. */
    private record Answer(String figure, long micros) {
        static Answer of(String text) {
            int slash = text.indexOf('/');
            return new Answer(text.substring(0, slash), Long.parseLong(text.substring(slash + 1)));
        }
    }

    /** Process of the fleet. */
    private record Member(Process process, PrintWriter in, BufferedReader out, Path err) {

        static Member launch(String url, Path counter, int callers, Duration computation, Duration lease, Path err) {
            List<String> command = List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-XX:TieredStopAtLevel=1",
                    "-Xmx256m",
                    "-cp",
                    System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                    FleetMember.class.getName(),
                    url,
                    counter.toString(),
                    Integer.toString(callers),
                    Long.toString(computation.toMillis()),
                    Long.toString(lease.toMillis()));
            try {
                Process process =
                        new ProcessBuilder(command).redirectError(err.toFile()).start();
                return new Member(
                        process,
                        new PrintWriter(process.outputWriter(StandardCharsets.UTF_8), true),
                        process.inputReader(StandardCharsets.UTF_8),
                        err);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        void awaitReady() {
            assertThat(CompletableFuture.supplyAsync(this::readLine)
                            .orTimeout(60, TimeUnit.SECONDS)
                            .join())
                    .isEqualTo("ready");
        }

        CompletableFuture<List<Answer>> request(String organisation) {
            in.println(organisation);
            return CompletableFuture.supplyAsync(
                            () -> Arrays.stream(readLine().split(" ", -1))
                                    .map(Answer::of)
                                    .toList(),
                            task -> new Thread(task, "reads-" + process.pid()).start())
                    .orTimeout(90, TimeUnit.SECONDS);
        }

        private String readLine() {
            try {
                String line = out.readLine();
                if (line == null) {
                    throw new AssertionError("the process has ended: " + Files.readString(err));
                }
                return line;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        void signal(String signal) throws IOException {
            new ProcessBuilder("kill", signal, Long.toString(process.pid()))
                    .start()
                    .onExit()
                    .join();
        }

        /** Kills the process, as {@code kill -9} does. */
        void kill() {
            process.destroyForcibly();
            process.onExit().join();
        }
    }
}
