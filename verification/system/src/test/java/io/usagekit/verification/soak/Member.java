package io.usagekit.verification.soak;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A process of the soak, seen from outside: what it says goes to the checker. */
final class Member implements AutoCloseable {

    private final int number;
    private final Process process;
    private final Path err;
    private final Thread reader;
    private final CountDownLatch ready = new CountDownLatch(1);
    private final BlockingQueue<Status> status = new ArrayBlockingQueue<>(1);

    /**
     * What a process reports of itself.
     *
     * @param threads how many there are
     * @param computations the most so far at the same time
     */
    record Status(int threads, int computations) {

        static Status of(String line) {
            String[] words = line.split(" ", -1);
            return new Status(Integer.parseInt(words[1]), Integer.parseInt(words[2]));
        }
    }

    private Member(int number, Process process, Path err, Checker checker) {
        this.number = number;
        this.process = process;
        this.err = err;
        this.reader = new Thread(() -> read(checker), "soak-member-" + number);
        reader.start();
    }

    static Member launch(int number, Checker checker, Path directory, List<String> arguments) {
        List<String> command = new java.util.ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Xmx256m",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                SoakMember.class.getName()));
        command.addAll(arguments);
        Path err = directory.resolve("member-" + number);
        try {
            return new Member(
                    number,
                    new ProcessBuilder(command).redirectError(err.toFile()).start(),
                    err,
                    checker);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void read(Checker checker) {
        try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                if (line.equals("ready")) {
                    ready.countDown();
                } else if (line.startsWith(SoakMember.STATUS)) {
                    status.add(Status.of(line));
                } else {
                    checker.check(number, line);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void awaitReady() throws InterruptedException, IOException {
        if (!ready.await(1, TimeUnit.MINUTES)) {
            throw new AssertionError("member " + number + " isn't ready: " + Files.readString(err));
        }
    }

    /** Returns what it reports of itself. */
    Status status() throws InterruptedException, IOException {
        send(SoakMember.STATUS);
        Status answer = status.poll(1, TimeUnit.MINUTES);
        if (answer == null) {
            throw new AssertionError("member " + number + " doesn't answer: " + Files.readString(err));
        }
        return answer;
    }

    /** Sends a line, one of those of {@link SoakMember}. */
    void send(String line) {
        try {
            process.outputWriter(StandardCharsets.UTF_8)
                    .append(line)
                    .append("\n")
                    .flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    String err() throws IOException {
        return Files.readString(err);
    }

    void signal(String signal) {
        try {
            new ProcessBuilder("kill", signal, Long.toString(process.pid()))
                    .start()
                    .onExit()
                    .join();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Lets it end by itself, and waits for that. */
    @Override
    public void close() {
        try {
            process.outputWriter(StandardCharsets.UTF_8).close();
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
            reader.join(20_000);
        } catch (IOException | InterruptedException e) {
            process.destroyForcibly();
        }
    }
}
