package io.usagekit.benchmarks;

import io.usagekit.servers.EmbeddedRedisServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * How long callers in three processes wait for a figure that one of them computes, beyond the computation, right after these have been started: the 99th
 * percentile of a round. The control, in turn with it and in the same processes, is as many threads that wait for a latch of their process:
 * what that takes is what the machine takes to wake so many threads.
 */
final class WaitersBenchmark {

    static final int PROCESSES = 3;
    static final int WAITERS = 64;
    static final int ROUNDS = 3;

    private static final Duration COMPUTATION = Duration.ofMillis(500);

    /** Nanoseconds of one round, the first one of a start or a later one. */
    private record Round(int number, double latch, double figure) {}

    private final int repetitions;
    private final PrintWriter out;

    /**
     * Prepares.
     *
     * @param repetitions how often processes are started
     */
    WaitersBenchmark(int repetitions, PrintWriter out) {
        this.repetitions = repetitions;
        this.out = out;
    }

    /** Measures, on a Redis of its own, and prints the table. */
    void run() throws IOException {
        List<Round> rounds = new ArrayList<>();
        try (EmbeddedRedisServer server = EmbeddedRedisServer.start()) {
            for (int repetition = 0; repetition < repetitions; repetition++) {
                rounds.addAll(measure(server.url(), repetition));
            }
        }
        out.println("%d callers in %d processes, which were started %d times"
                .formatted(PROCESSES * WAITERS, PROCESSES, repetitions));
        out.println(Comparison.table(Stream.concat(
                        results("first round", rounds, round -> round.number() == 1),
                        results("rounds 2 to " + ROUNDS, rounds, round -> round.number() > 1))
                .toList()));
    }

    private static Stream<Comparison.Result> results(String name, List<Round> rounds, Predicate<Round> which) {
        List<Round> chosen = rounds.stream().filter(which).toList();
        return Stream.of(
                new Comparison.Result(
                        name + ", a latch",
                        Comparison.Spread.of(chosen.stream().map(Round::latch).toList()),
                        new Comparison.Spread(1, 1, 1)),
                new Comparison.Result(
                        name + ", a figure over Redis",
                        Comparison.Spread.of(chosen.stream().map(Round::figure).toList()),
                        Comparison.Spread.of(chosen.stream()
                                .map(round -> round.figure() / round.latch())
                                .toList())));
    }

    /** Returns the rounds of one start, in each of which latch and figure come in another order than in the one before. */
    private static List<Round> measure(String url, int repetition) throws IOException {
        List<Member> members = new ArrayList<>();
        try {
            for (int i = 0; i < PROCESSES; i++) {
                members.add(Member.launch(url));
            }
            for (Member member : members) {
                member.awaitReady();
            }
            List<Round> rounds = new ArrayList<>();
            for (int round = 1; round <= ROUNDS; round++) {
                String organisation = "org-" + repetition + "-" + round;
                boolean isLatchFirst = (repetition + round) % 2 == 0;
                double first = percentile(members, isLatchFirst ? WaitingProcess.LATCH : organisation);
                double second = percentile(members, isLatchFirst ? organisation : WaitingProcess.LATCH);
                rounds.add(new Round(round, isLatchFirst ? first : second, isLatchFirst ? second : first));
            }
            return rounds;
        } finally {
            members.forEach(Member::close);
        }
    }

    private static double percentile(List<Member> members, String line) throws IOException {
        members.forEach(member -> member.in().println(line));
        List<Long> waits = new ArrayList<>();
        for (Member member : members) {
            Arrays.stream(member.readLine().split(" ", -1)).map(Long::parseLong).forEach(waits::add);
        }
        waits.sort(null);
        return waits.get(waits.size() * 99 / 100);
    }

    private record Member(Process process, PrintWriter in, BufferedReader out) implements AutoCloseable {

        static Member launch(String url) throws IOException {
            Process process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-Xmx256m",
                            "-cp",
                            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                            WaitingProcess.class.getName(),
                            url,
                            Long.toString(COMPUTATION.toMillis()),
                            Integer.toString(WAITERS))
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            return new Member(
                    process,
                    new PrintWriter(process.outputWriter(StandardCharsets.UTF_8), true),
                    process.inputReader(StandardCharsets.UTF_8));
        }

        void awaitReady() throws IOException {
            String line = readLine();
            if (!line.equals(WaitingProcess.READY)) {
                throw new IOException("a process began with " + line);
            }
        }

        String readLine() throws IOException {
            String line = out.readLine();
            if (line == null) {
                throw new IOException("a process has ended");
            }
            return line;
        }

        @Override
        public void close() {
            process.destroyForcibly();
            process.onExit().join();
        }
    }
}
