package io.usagekit.examples.spring;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.security.crypto.password.PasswordEncoder;

/** A process that runs {@link ControlPlane}. Its log goes to a file. */
final class Replica implements AutoCloseable {

    private static final String LISTENING = "listening on port ";
    private static final long MINUTES = 2;

    private final Process process;
    private final Path log;
    private final URI url;

    private Replica(Process process, Path log, URI url) {
        this.process = process;
        this.log = log;
        this.url = url;
    }

    /** Compares passwords as they are: the default encoder takes longer for that than the service for a figure. */
    static final class PlainPasswords implements PasswordEncoder {
        @Override
        public @Nullable String encode(@Nullable CharSequence password) {
            return password == null ? null : password.toString();
        }

        @Override
        public boolean matches(@Nullable CharSequence password, @Nullable String encoded) {
            return password != null && encoded != null && encoded.contentEquals(password);
        }
    }

    /** What the process runs. */
    public static void main(String... args) {
        ConfigurableApplicationContext context =
                new SpringApplication(ControlPlane.class, PlainPasswords.class).run(args);
        awaitWorkAtStart(context.getBean(MeterRegistry.class));
        System.out.println(LISTENING + context.getEnvironment().getRequiredProperty("local.server.port"));
    }

    /** Waits for the first run of the worker and the first sample of its metrics, since they fail while a test locks the tables. */
    private static void awaitWorkAtStart(MeterRegistry meters) {
        Collection<Timer> runs = meters.get("usagekit.rollups.runs").timers();
        Gauge sampled = meters.get("usagekit.rollups.installed").gauge();
        Awaitility.await("a run of the worker and a sample of its metrics")
                .atMost(MINUTES, TimeUnit.MINUTES)
                .until(() -> runs.stream().anyMatch(run -> run.count() > 0) && sampled.value() == 1);
    }

    /**
     * Launches one, and waits until it serves requests.
     *
     * @throws IllegalStateException if it ends, or doesn't serve them within minutes; the message has its log
     */
    static Replica launch(Path directory, List<String> arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx256m",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                Replica.class.getName(),
                "--server.port=0",
                "--spring.security.user.password=secret",
                "--logging.config=classpath:logback.xml"));
        command.addAll(arguments);
        try {
            Path log = Files.createTempFile(directory, "replica", ".log");
            Process process =
                    new ProcessBuilder(command).redirectError(log.toFile()).start();
            return awaitStart(process, log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Replica awaitStart(Process process, Path log) throws IOException {
        try {
            String port = CompletableFuture.supplyAsync(() -> port(process)).get(MINUTES, TimeUnit.MINUTES);
            return new Replica(process, log, URI.create("http://127.0.0.1:" + port + "/"));
        } catch (ExecutionException | TimeoutException | InterruptedException e) {
            process.destroyForcibly();
            throw new IllegalStateException("the replica doesn't start: " + Files.readString(log), e);
        }
    }

    private static String port(Process process) {
        BufferedReader out = process.inputReader(StandardCharsets.UTF_8);
        try {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                if (line.startsWith(LISTENING)) {
                    return line.substring(LISTENING.length());
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        throw new IllegalStateException("it ended");
    }

    URI url() {
        return url;
    }

    /** What it has logged: warnings and errors. */
    String log() throws IOException {
        return Files.readString(log);
    }

    /** Asks it to end, as an orchestrator does. */
    void terminate() {
        process.destroy();
    }

    /** Waits for its end; returns the exit status. */
    int awaitEnd() throws InterruptedException {
        if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
            throw new AssertionError("the replica didn't end within " + MINUTES + " minutes");
        }
        return process.exitValue();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
