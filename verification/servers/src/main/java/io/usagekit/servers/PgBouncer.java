package io.usagekit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * PgBouncer in transaction mode in front of a server, from the binary that is installed on this machine: a client has a server
 * connection for the length of a transaction, and another one for the next. Thread-safe.
 *
 * @since 0.1
 */
public final class PgBouncer implements AutoCloseable {

    private static final String MISSING = "no pgbouncer on this machine (apt-get install pgbouncer)";
    private static final long PATIENCE_SECONDS = 20;

    /** Debian's package puts it where only the administrator's path leads. */
    private static final List<Path> PLACES = Stream.concat(
                    Stream.of(System.getenv().getOrDefault("PATH", "").split(":"))
                            .map(Path::of),
                    Stream.of(Path.of("/usr/sbin"), Path.of("/usr/local/sbin")))
            .map(place -> place.resolve("pgbouncer"))
            .toList();

    private final Path directory;
    private final int port;
    private final Process process;
    private final Thread hook = new Thread(this::stop, "usagekit-pgbouncer-stop");

    private PgBouncer(Path directory, int port, Process process) {
        this.directory = directory;
        this.port = port;
        this.process = process;
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** Whether there is one on this machine. */
    public static boolean isAvailable() {
        return PLACES.stream().anyMatch(Files::isExecutable);
    }

    /** Prints that a suite is skipped; returns why. */
    public static String announceSkipped(Class<?> suite) {
        System.out.println("SKIPPED " + suite.getSimpleName() + ": " + MISSING);
        return MISSING;
    }

    /**
     * Starts one on a free port, for the user {@code postgres} without a password.
     *
     * @param serverUrl the JDBC URL of the server
     * @param serverConnections how many connections to the server all clients of a database share
     * @throws IllegalStateException if there is none on this machine, or it doesn't start
     */
    public static PgBouncer start(String serverUrl, int serverConnections) {
        try {
            return FreePorts.start(() -> startOn(FreePorts.choose(1)[0], serverUrl, serverConnections));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static PgBouncer startOn(int port, String serverUrl, int serverConnections) throws IOException {
        Path binary = PLACES.stream()
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException(MISSING));
        Path directory = Files.createTempDirectory(
                "usagekit-pgbouncer",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
        Path users = Files.writeString(directory.resolve("users.txt"), "\"postgres\" \"\"\n");
        Path configuration = Files.writeString(
                directory.resolve("pgbouncer.ini"), configuration(serverUrl, port, users, serverConnections));
        Process process = new ProcessBuilder(binary.toString(), configuration.toString())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("pgbouncer.log").toFile())
                .start();
        PgBouncer started = new PgBouncer(directory, port, process);
        started.await();
        return started;
    }

    private static String configuration(String serverUrl, int port, Path users, int serverConnections) {
        String address = serverUrl.replaceFirst("jdbc:postgresql://([^/]+)/.*", "$1");
        return String.join(
                "\n",
                "[databases]",
                "* = host=" + address.replaceFirst(":.*", "") + " port=" + address.replaceFirst(".*:", ""),
                "[pgbouncer]",
                "listen_addr = 127.0.0.1",
                "listen_port = " + port,
                "unix_socket_dir =",
                "auth_type = trust",
                "auth_file = " + users,
                "pool_mode = transaction",
                "default_pool_size = " + serverConnections,
                // So that clients move from one server connection to another as often as possible.
                "server_round_robin = 1",
                "ignore_startup_parameters = extra_float_digits",
                System.getProperty("user.name").equals("root") ? "user = nobody" : "",
                "");
    }

    private void await() throws IOException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (!isUp()) {
            if (!process.isAlive() || System.nanoTime() > deadline) {
                String log = log();
                close();
                throw new IllegalStateException("pgbouncer didn't start: " + log);
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
        }
    }

    /** By its own word: on a port that was taken meanwhile somebody else would answer. */
    private boolean isUp() throws IOException {
        return log().contains("process up:");
    }

    private String log() throws IOException {
        return Files.readString(directory.resolve("pgbouncer.log"));
    }

    /** Where it listens, with the user and without named prepared statements, which this version doesn't support. */
    public String jdbcUrl(String database) {
        return namingJdbcUrl(database) + "&prepareThreshold=0";
    }

    /** Where it listens, with the driver's default: statements get names once they have run a few times. */
    public String namingJdbcUrl(String database) {
        return "jdbc:postgresql://127.0.0.1:" + port + "/" + database + "?user=postgres";
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is ending: the first caller stops it.
        }
        stop();
    }

    private synchronized void stop() {
        process.destroyForcibly();
        process.onExit().join();
        try {
            if (Files.exists(directory)) {
                Directories.delete(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
