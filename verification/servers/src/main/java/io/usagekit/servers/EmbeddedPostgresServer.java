package io.usagekit.servers;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A PostgreSQL server of this JVM, from binaries on the class path, in a directory of its own that is removed when it is closed,
 * or else when the JVM ends. It can be killed and started again on the same port with the same data, and paused. Thread-safe.
 *
 * @since 0.1
 */
public final class EmbeddedPostgresServer implements PostgresServer {

    private final Path directory;
    private final Map<String, String> configuration;
    private final Thread hook = new Thread(this::stop, "usagekit-postgres-stop");
    private final int port;
    private EmbeddedPostgres postgres;
    private boolean paused;
    private boolean closed;

    private EmbeddedPostgresServer(Path directory, Map<String, String> configuration) {
        this.directory = directory;
        this.configuration = configuration;
        this.postgres = launch(0);
        this.port = postgres.getPort();
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /**
     * On a free port, with the server's own defaults.
     *
     * @throws UncheckedIOException if it can't be started on this machine
     */
    public static EmbeddedPostgresServer start() {
        return start(Map.of());
    }

    /**
     * On a free port, with these settings of {@code postgresql.conf}.
     *
     * @throws UncheckedIOException if it can't be started on this machine
     */
    public static EmbeddedPostgresServer start(Map<String, String> configuration) {
        try {
            return new EmbeddedPostgresServer(Files.createTempDirectory("usagekit-postgres"), configuration);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Leaves stopping it to {@link #close()}, also when the JVM ends: a shutdown hook of the caller's can close first what uses it, while by
     * default the server is stopped at the same time as all hooks run.
     */
    public void keepUntilClosed() {
        Runtime.getRuntime().removeShutdownHook(hook);
    }

    /**
     * Starts another server from a copy of this one's data, which follows it by streaming replication and can be read from until
     * {@link #promote()}. Meanwhile this one goes on. Needs PostgreSQL 15 or newer.
     *
     * @throws UncheckedIOException if the data can't be copied, or it can't be started on this machine
     * @throws IllegalStateException if this server doesn't let itself be copied
     */
    public EmbeddedPostgresServer standby() {
        try {
            Path copy = Files.createTempDirectory("usagekit-postgres");
            copyTo(copy.resolve("data"));
            return new EmbeddedPostgresServer(copy, Map.of());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** While it runs: what is copied in pieces is made whole by the WAL since the label. */
    private void copyTo(Path data) throws IOException {
        try (Connection connection = dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("select pg_backup_start('standby', fast => true)");
            Directories.copy(directory.resolve("data"), data, Set.of("postmaster.pid", "postmaster.opts", "epg-lock"));
            try (ResultSet row = statement.executeQuery("select labelfile from pg_backup_stop()")) {
                row.next();
                Files.writeString(data.resolve("backup_label"), row.getString("labelfile"));
            }
            Files.createFile(data.resolve("standby.signal"));
            Files.writeString(
                    data.resolve("postgresql.auto.conf"),
                    "primary_conninfo = 'host=localhost port=" + port + " user=postgres'\n",
                    StandardOpenOption.APPEND);
        } catch (SQLException e) {
            throw new IllegalStateException("PostgreSQL can't be copied: " + e.getMessage(), e);
        }
    }

    /**
     * Makes a standby a server of its own, and returns when it takes writes.
     *
     * @throws IllegalStateException if it is none, or doesn't answer
     */
    public void promote() {
        try (Connection connection = dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("select pg_promote(wait => true)");
        } catch (SQLException e) {
            throw new IllegalStateException("PostgreSQL can't be promoted: " + e.getMessage(), e);
        }
    }

    private EmbeddedPostgres launch(int onPort) {
        EmbeddedPostgres.Builder builder = EmbeddedPostgres.builder()
                .setDataDirectory(directory.resolve("data"))
                .setCleanDataDirectory(false)
                // Its hook and ours would stop it at the same time, and the directory can't be removed before it has
                // stopped.
                .setRegisterShutdownHook(false)
                // What has been committed survives kill(): the processes die, the machine doesn't.
                .setServerConfig("synchronous_commit", "on");
        if (onPort != 0) {
            builder.setPort(onPort);
        }
        configuration.forEach(builder::setServerConfig);
        try {
            return builder.start();
        } catch (IOException e) {
            throw new UncheckedIOException("embedded PostgreSQL can't be started: " + e.getMessage(), e);
        }
    }

    @Override
    public String jdbcUrl() {
        return "jdbc:postgresql://localhost:" + port + "/postgres?user=postgres";
    }

    /** Ends it as {@code kill -9} does, all of its processes at once, and returns when they are gone. */
    public synchronized void kill() {
        List<ProcessHandle> all = processes();
        all.forEach(ProcessHandle::destroyForcibly);
        all.forEach(process -> process.onExit().join());
        paused = false;
        try {
            Files.deleteIfExists(directory.resolve("data/postmaster.pid"));
            // There is nothing left to stop, which it logs; but it holds a lock on the directory.
            postgres.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Starts it again after {@link #kill()}: same port, same data. */
    public synchronized void restart() {
        postgres = launch(port);
    }

    /**
     * Stops it where it is (SIGSTOP), all of its processes: its connections stay, the system accepts new ones, and nobody
     * answers until {@link #resume()}. It can be killed and closed meanwhile.
     */
    public synchronized void pause() {
        // The postmaster first, so that it starts no process that isn't among those stopped next.
        Signal.STOP.send(List.of(postmaster()));
        paused = true;
        Signal.STOP.send(processes());
    }

    /** Lets it go on after {@link #pause()}, with all that was sent to it meanwhile; harmless if it isn't paused. */
    public synchronized void resume() {
        if (paused) {
            Signal.CONT.send(processes());
            paused = false;
        }
    }

    private List<ProcessHandle> processes() {
        ProcessHandle postmaster = postmaster();
        return Stream.concat(Stream.of(postmaster), postmaster.descendants()).toList();
    }

    private ProcessHandle postmaster() {
        try {
            long pid = Long.parseLong(
                    Files.readAllLines(directory.resolve("data/postmaster.pid")).get(0));
            return ProcessHandle.of(pid).orElseThrow(() -> new IllegalStateException("PostgreSQL isn't running"));
        } catch (IOException e) {
            throw new UncheckedIOException("PostgreSQL isn't running", e);
        }
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is ending: the first caller stops the server.
        }
        stop();
    }

    private synchronized void stop() {
        if (closed) {
            return;
        }
        closed = true;
        resume();
        try {
            postgres.close();
            Directories.delete(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
