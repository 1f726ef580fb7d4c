package io.usagekit.cli.demo;

import io.usagekit.cli.support.Failures;
import io.usagekit.cli.support.Progress;
import java.io.BufferedReader;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/**
 * JVMs that run {@link DemoMember}. They write to nobody but this process, and end with it: their standard input ends when
 * it does.
 */
final class DemoFleet implements AutoCloseable {

    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final Duration LAST_PATIENCE = Duration.ofSeconds(5);
    private static final int GO = '\n';

    private final int count;
    private final PrintWriter err;
    private final List<Member> members = new CopyOnWriteArrayList<>();
    private final CompletableFuture<Object> failure = new CompletableFuture<>();

    /**
     * None is running yet.
     *
     * @param err receives the progress messages
     */
    DemoFleet(int count, PrintWriter err) {
        this.count = count;
        this.err = err;
    }

    /**
     * Starts them all and waits until they are ready.
     *
     * @throws IllegalStateException if one isn't; the message says which and why
     */
    void start(DemoOrders orders) throws InterruptedException {
        for (int number = 1; number <= count; number++) {
            Member member = Member.start("process " + number + " of " + count);
            members.add(member);
            member.listen(failure);
            member.tell(orders);
        }
        await("Starting", member -> member.ready);
    }

    /**
     * Lets all of them ask at once, and waits for their answers.
     *
     * @throws IllegalStateException if one has none; the message says which and why
     */
    List<DemoAnswers> ask() throws InterruptedException {
        members.forEach(Member::go);
        await("Asking", member -> member.answers);
        return members.stream().map(member -> member.answers.join()).toList();
    }

    /** For all of them, or the first that fails. */
    private void await(String task, Function<Member, CompletableFuture<?>> step) throws InterruptedException {
        try (Progress progress = Progress.of(task, "processes", count, err)) {
            CompletableFuture<?>[] steps = members.stream()
                    .map(member -> step.apply(member).thenRun(() -> progress.step(1)))
                    .toArray(CompletableFuture<?>[]::new);
            CompletableFuture.anyOf(failure, CompletableFuture.allOf(steps))
                    .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        } catch (TimeoutException e) {
            throw new IllegalStateException(
                    task + " " + count + " processes hasn't come to an end after " + PATIENCE.toSeconds() + " s", e);
        }
    }

    /** Ends them all. Idempotent. */
    @Override
    public void close() {
        members.forEach(Member::dismiss);
        members.forEach(Member::awaitEnd);
    }

    private static final class Member {
        private final String name;
        private final Process process;
        private final CompletableFuture<Boolean> ready = new CompletableFuture<>();
        private final CompletableFuture<DemoAnswers> answers = new CompletableFuture<>();

        private Member(String name, Process process) {
            this.name = name;
            this.process = process;
        }

        static Member start(String name) {
            ProcessBuilder builder = new ProcessBuilder(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-Xmx128m",
                    "-XX:TieredStopAtLevel=1",
                    "-XX:+UseSerialGC",
                    DemoMember.class.getName());
            builder.environment().put("CLASSPATH", System.getProperty("java.class.path"));
            try {
                return new Member(name, builder.redirectErrorStream(true).start());
            } catch (IOException e) {
                throw new UncheckedIOException(name + " can't be started", e);
            }
        }

        /** On a thread of its own, until the process ends. */
        void listen(CompletableFuture<Object> failure) {
            Thread thread = new Thread(() -> failure.completeExceptionally(new IllegalStateException(hear())), name);
            thread.setDaemon(true);
            thread.start();
        }

        /** Takes what it says until it has nothing more to say; what isn't marked comes from the JVM or a library. */
        private String hear() {
            String other = "";
            try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
                for (String line = out.readLine(); line != null; line = out.readLine()) {
                    if (line.equals(DemoMember.READY)) {
                        ready.complete(true);
                    } else if (line.startsWith(DemoMember.ANSWERED)) {
                        answers.complete(DemoAnswers.ofLine(line.substring(DemoMember.ANSWERED.length())));
                    } else if (line.startsWith(DemoMember.FAILED)) {
                        return name + ": " + line.substring(DemoMember.FAILED.length());
                    } else if (!line.isBlank()) {
                        other = ": " + line.strip();
                    }
                }
            } catch (IOException | IllegalArgumentException e) {
                other = ": " + Failures.describe(e);
            }
            return name + " has ended with exit code " + process.onExit().join().exitValue() + other;
        }

        void tell(DemoOrders orders) {
            DataOutputStream in = new DataOutputStream(process.getOutputStream());
            write(() -> orders.write(in));
        }

        void go() {
            write(() -> process.getOutputStream().write(GO));
        }

        private interface Writing {
            void run() throws IOException;
        }

        private void write(Writing writing) {
            try {
                writing.run();
                process.getOutputStream().flush();
            } catch (IOException e) {
                return; // it has ended; reading its output reports why
            }
        }

        void dismiss() {
            try (OutputStream in = process.getOutputStream()) {
                in.flush();
            } catch (IOException e) {
                return; // it has ended
            }
        }

        void awaitEnd() {
            process.onExit()
                    .completeOnTimeout(process, LAST_PATIENCE.toMillis(), TimeUnit.MILLISECONDS)
                    .join();
            process.destroyForcibly().onExit().join();
        }
    }
}
