package io.usagekit.clickhouse;

import com.clickhouse.jdbc.DataSourceImpl;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.servers.PostgresServer;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import javax.sql.DataSource;

/** A JVM that ships one cycle up to a point, at which it is killed as {@code kill -9} does. */
final class FeederProcess {

    private static final String REACHED = "reached";

    private FeederProcess() {}

    /** URL and schema of PostgreSQL; URL, database and cluster of ClickHouse; the point. */
    public static void main(String[] arguments) {
        DataSource postgres = new PostgresServer.External(arguments[0]).dataSource();
        ClickHouseUsage clickHouse = ClickHouseUsage.builder(new DataSourceImpl(arguments[2], new Properties()))
                .database(arguments[3])
                .cluster(arguments[4])
                .build();
        PostgresRollups.of(postgres, TableMapping.usagekit(arguments[1]))
                .feed()
                .ship(
                        CyclePoint.parse(arguments[5]).on(clickHouse.store(), FeederProcess::awaitKill),
                        1_000,
                        Duration.ofMinutes(1));
    }

    /** Ends also where the process that would kill it has ended. */
    private static void awaitKill() {
        System.out.println(REACHED);
        try {
            System.in.transferTo(OutputStream.nullOutputStream());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Starts one with these arguments, and returns when it has been killed at its point. */
    static void runAndKill(String... arguments) throws IOException {
        Running running = start(FeederProcess.class, arguments);
        try (BufferedReader out = running.process().inputReader()) {
            String line = out.readLine();
            if (!REACHED.equals(line)) {
                throw new IllegalStateException("the feeder's process didn't reach its point, but printed " + line);
            }
        } finally {
            running.kill();
        }
    }

    /** A JVM. */
    record Running(Process process) {

        /** Ends it as {@code kill -9} does, and returns when it has ended. */
        void kill() {
            process.destroyForcibly().onExit().join();
        }
    }

    /** Starts a JVM of the tests' class path with this main class. */
    static Running start(Class<?> main, String... arguments) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path") + File.pathSeparator + System.getProperty("jdk.module.path", ""),
                main.getName());
        builder.command().addAll(List.of(arguments));
        return new Running(
                builder.redirectError(ProcessBuilder.Redirect.INHERIT).start());
    }
}
