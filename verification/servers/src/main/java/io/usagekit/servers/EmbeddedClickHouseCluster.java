package io.usagekit.servers;

import com.sun.jna.Native;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * ClickHouse servers on the loopback interface, each a process of its own and a shard of one cluster without replicas, with the user
 * {@code default} and no password. A shard can be killed, also while it is
 * paused, and started again on the same ports. Not thread-safe.
 *
 * <p>The servers are those inside of chDB, which lack {@code ON CLUSTER}, replicated tables and access management. They end with this
 * JVM, also where that is killed: their standard input ends.
 *
 * @since 0.1
 */
public final class EmbeddedClickHouseCluster implements ClickHouseCluster {

    private static final String NAME = "usagekit";
    private static final long PATIENCE_SECONDS = 60;

    private final Path directory;
    private final List<Shard> shards;
    private final Thread hook = new Thread(this::stop, "usagekit-clickhouse-stop");

    private EmbeddedClickHouseCluster(Path directory, List<Shard> shards) {
        this.directory = directory;
        this.shards = shards;
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /**
     * Starts shards on free ports.
     *
     * @throws IllegalStateException if the library isn't on this machine, or a shard doesn't start
     */
    public static EmbeddedClickHouseCluster start(int shards) {
        if (!ClickHouseCluster.isInstalled()) {
            throw new IllegalStateException(ClickHouseCluster.missing());
        }
        try {
            return FreePorts.start(() -> startOn(FreePorts.choose(2 * shards), shards));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static EmbeddedClickHouseCluster startOn(int[] ports, int shards) throws IOException {
        Path directory = Files.createTempDirectory("usagekit-clickhouse");
        Path configuration = Files.writeString(directory.resolve("config.xml"), configuration(ports, shards));
        EmbeddedClickHouseCluster cluster = new EmbeddedClickHouseCluster(
                directory,
                IntStream.range(0, shards)
                        .mapToObj(i -> new Shard(
                                directory.resolve("shard-" + (i + 1)), configuration, ports[2 * i], ports[2 * i + 1]))
                        .toList());
        try {
            for (Shard shard : cluster.shards) {
                shard.launch();
            }
            for (Shard shard : cluster.shards) {
                shard.await();
            }
        } catch (IOException | RuntimeException e) {
            cluster.close();
            throw e;
        }
        return cluster;
    }

    private static String configuration(int[] ports, int shards) {
        StringBuilder replicas = new StringBuilder();
        for (int i = 0; i < shards; i++) {
            replicas.append("<shard><replica><host>127.0.0.1</host><port>")
                    .append(ports[2 * i + 1])
                    .append("</port></replica></shard>");
        }
        return "<clickhouse><remote_servers><" + NAME + ">" + replicas + "</" + NAME
                + "></remote_servers></clickhouse>";
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<String> jdbcUrls() {
        return shards.stream().map(Shard::jdbcUrl).toList();
    }

    /** Ends a shard as {@code kill -9} does and returns when it has ended; its tables stay on disk. */
    public void kill(int shard) {
        shards.get(shard).kill();
    }

    /** Starts a shard again after {@link #kill}: same ports, same tables. */
    public void restart(int shard) {
        try {
            shards.get(shard).launch();
            shards.get(shard).await();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Stops a shard where it is (SIGSTOP) until it is killed: the system accepts connections to it, and it doesn't answer. */
    public void pause(int shard) {
        try {
            shards.get(shard).pause();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
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
        shards.forEach(Shard::kill);
        try {
            if (Files.exists(directory)) {
                Directories.delete(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** One server: where it has its tables and where it listens. */
    private static final class Shard {

        private final Path data;
        private final Path configuration;
        private final int httpPort;
        private final int nativePort;
        private @Nullable Process process;

        Shard(Path data, Path configuration, int httpPort, int nativePort) {
            this.data = data;
            this.configuration = configuration;
            this.httpPort = httpPort;
            this.nativePort = nativePort;
        }

        String jdbcUrl() {
            return "jdbc:ch://127.0.0.1:" + httpPort;
        }

        void launch() throws IOException {
            process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-Xmx64m",
                            "-XX:+UseSerialGC",
                            "-cp",
                            Stream.of(ClickHouseProcess.class, Native.class)
                                    .map(Shard::location)
                                    .reduce((one, other) -> one + File.pathSeparator + other)
                                    .orElseThrow(),
                            ClickHouseProcess.class.getName(),
                            ClickHouseCluster.library().toString(),
                            "--config-file=" + configuration,
                            "--path=" + data,
                            "--listen_host=127.0.0.1",
                            "--http_port=" + httpPort,
                            "--tcp_port=" + nativePort,
                            "--multiquery",
                            // HTTP last: where it answers, the other shards are answered too.
                            "--query=SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP;"
                                    // Returns when the standard input ends.
                                    + " SELECT count() FROM file('/dev/stdin', 'LineAsString') FORMAT Null")
                    .redirectErrorStream(true)
                    .redirectOutput(log().toFile())
                    .start();
        }

        private Path log() {
            return data.resolveSibling(data.getFileName() + ".log");
        }

        private static String location(Class<?> type) {
            try {
                return Path.of(type.getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                                .toURI())
                        .toString();
            } catch (URISyntaxException e) {
                throw new IllegalStateException(e);
            }
        }

        void await() throws IOException {
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
            while (!answers()) {
                if (process == null || !process.isAlive() || System.nanoTime() > deadline) {
                    throw new IllegalStateException("ClickHouse didn't start: " + Files.readString(log()));
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
            }
        }

        private boolean answers() {
            try {
                HttpURLConnection ping = (HttpURLConnection) URI.create("http://127.0.0.1:" + httpPort + "/ping")
                        .toURL()
                        .openConnection();
                ping.setConnectTimeout(1_000);
                ping.setReadTimeout(1_000);
                return ping.getResponseCode() == HttpURLConnection.HTTP_OK;
            } catch (IOException e) {
                return false;
            }
        }

        void pause() throws IOException {
            ProcessHandle running = Objects.requireNonNull(process, "launched").toHandle();
            Signal.STOP.send(List.of(running));
            // Its threads run on until one of them has received the signal.
            Path state = Path.of("/proc", Long.toString(running.pid()), "stat");
            while (!Files.readString(state).contains(") T ")) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
            }
        }

        void kill() {
            if (process != null) {
                process.destroyForcibly();
                process.onExit().join();
            }
        }
    }
}
