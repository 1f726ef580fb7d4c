package io.usagekit.servers;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Three ClickHouse servers on the loopback interface that are replicas of one shard, and a ZooKeeper: those of Debian 12, which are the only ones
 * that a machine without a container engine gets replication from. They are of the year 2018 (18.16) and understand few of today's statements. Each
 * has ports and a directory of its own; they end when this is closed, and with this JVM, also where that is killed. Not thread-safe.
 *
 * @since 0.1
 */
public final class ReplicatedClickHouse implements AutoCloseable {

    /** Names the directory into which Debian's packages were unpacked, where they aren't installed. */
    public static final String ROOT_VARIABLE = "USAGEKIT_TEST_REPLICAS_ROOT";

    /** How many replicas there are. */
    public static final int REPLICAS = 3;

    /** The name of the cluster that has one shard with these replicas, each of which a distributed table asks at random. */
    public static final String CLUSTER = "replicas";

    private static final long PATIENCE_SECONDS = 60;

    /** Ends the server when the standard input does. */
    private static final String UNTIL_END_OF_INPUT =
            "\"$@\" & server=$!; cat > /dev/null; kill -9 $server; wait $server";

    private final Path directory;
    private final int[] ports;
    private final List<Process> processes = new ArrayList<>();
    private final Thread hook = new Thread(this::stop, "usagekit-replicas-stop");

    private ReplicatedClickHouse(Path directory, int[] ports) {
        this.directory = directory;
        this.ports = ports;
        Runtime.getRuntime().addShutdownHook(hook);
    }

    private static Path root() {
        return Path.of(System.getenv().getOrDefault(ROOT_VARIABLE, "/"));
    }

    private static Path server() {
        return root().resolve("usr/sbin/clickhouse-server");
    }

    private static Path zooKeeper() {
        return root().resolve("usr/share/java/zookeeper.jar");
    }

    /** Whether both packages are on this machine. */
    public static boolean isAvailable() {
        return Files.isExecutable(server()) && Files.isReadable(zooKeeper());
    }

    /** Prints that a suite is skipped; returns why. */
    public static String announceSkipped(Class<?> suite) {
        String missing = "no " + server() + " or " + zooKeeper()
                + " on this machine; on Debian 12: apt-get install --no-install-recommends clickhouse-server zookeeper";
        System.out.println("SKIPPED " + suite.getSimpleName() + ": " + missing);
        return missing;
    }

    /**
     * Starts them on free ports.
     *
     * @throws IllegalStateException if one doesn't start
     */
    public static ReplicatedClickHouse start() {
        try {
            return FreePorts.start(() -> {
                ReplicatedClickHouse started = new ReplicatedClickHouse(
                        Files.createTempDirectory("usagekit-replicas"), FreePorts.choose(1 + 3 * REPLICAS));
                try {
                    started.launch();
                } catch (IOException | RuntimeException e) {
                    started.close();
                    throw e;
                }
                return started;
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private int zooKeeperPort() {
        return ports[REPLICAS * 3];
    }

    private int httpPort(int replica) {
        return ports[3 * replica];
    }

    private int nativePort(int replica) {
        return ports[3 * replica + 1];
    }

    private int interserverPort(int replica) {
        return ports[3 * replica + 2];
    }

    private void launch() throws IOException {
        Path configuration = Files.writeString(
                directory.resolve("zoo.cfg"),
                String.join(
                        "\n",
                        "tickTime=500",
                        "dataDir=" + directory.resolve("zookeeper"),
                        "clientPortAddress=127.0.0.1",
                        "clientPort=" + zooKeeperPort(),
                        "admin.enableServer=false",
                        "4lw.commands.whitelist=ruok",
                        ""));
        run(
                "zookeeper",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-XX:+UseSerialGC",
                "-cp",
                zooKeeperClassPath(),
                "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                configuration.toString());
        for (int replica = 0; replica < REPLICAS; replica++) {
            Path own = Files.createDirectory(directory.resolve("replica-" + (replica + 1)));
            Files.writeString(own.resolve("users.xml"), USERS);
            Files.writeString(own.resolve("config.xml"), configuration(replica, own));
            run("replica-" + (replica + 1), server().toString(), "--config-file=" + own.resolve("config.xml"));
        }
        for (int replica = 0; replica < REPLICAS; replica++) {
            await(replica);
        }
    }

    /** The jars that ZooKeeper's manifest names, by their places on Debian. */
    private static String zooKeeperClassPath() throws IOException {
        try (JarFile jar = new JarFile(zooKeeper().toFile())) {
            String names = jar.getManifest().getMainAttributes().getValue("Class-Path");
            return Stream.concat(
                            Stream.of(zooKeeper()),
                            Stream.of(names.split(" ")).map(name -> root().resolve(name.substring(1))))
                    .map(Path::toString)
                    .collect(Collectors.joining(File.pathSeparator));
        }
    }

    private static final String USERS =
            "<yandex><profiles><default/></profiles><quotas><default/></quotas><users><default><password/><networks>"
                    + "<ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users></yandex>";

    private String configuration(int replica, Path own) {
        String replicas = IntStream.range(0, REPLICAS)
                .mapToObj(i -> "<replica><host>127.0.0.1</host><port>" + nativePort(i) + "</port></replica>")
                .collect(Collectors.joining());
        return "<yandex><logger><level>error</level><console>1</console></logger><listen_host>127.0.0.1</listen_host>"
                + "<http_port>" + httpPort(replica) + "</http_port><tcp_port>" + nativePort(replica) + "</tcp_port>"
                + "<interserver_http_host>127.0.0.1</interserver_http_host><interserver_http_port>"
                + interserverPort(replica) + "</interserver_http_port><path>" + own + "/data/</path><tmp_path>" + own
                + "/tmp/</tmp_path><users_config>" + own + "/users.xml</users_config>"
                + "<default_profile>default</default_profile><mark_cache_size>67108864</mark_cache_size>"
                + "<zookeeper><node><host>127.0.0.1</host><port>" + zooKeeperPort() + "</port></node></zookeeper>"
                + "<macros><replica>" + (replica + 1) + "</replica></macros><remote_servers><" + CLUSTER + "><shard>"
                + replicas + "</shard></" + CLUSTER + "></remote_servers></yandex>";
    }

    private void run(String name, String... command) throws IOException {
        ProcessBuilder builder =
                new ProcessBuilder(Stream.concat(Stream.of("sh", "-c", UNTIL_END_OF_INPUT, name), Stream.of(command))
                        .toList());
        builder.environment()
                .put(
                        "LD_LIBRARY_PATH",
                        root().resolve("usr/lib/x86_64-linux-gnu") + ":" + root().resolve("lib/x86_64-linux-gnu"));
        processes.add(builder.redirectErrorStream(true)
                .redirectOutput(log(name).toFile())
                .start());
    }

    private Path log(String name) {
        return directory.resolve(name + ".log");
    }

    /** It listens before it knows that ZooKeeper is there. */
    private void await(int replica) throws IOException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (true) {
            try {
                query(replica, "select count() from system.zookeeper where path = '/'");
                return;
            } catch (UncheckedIOException | IllegalStateException e) {
                if (System.nanoTime() > deadline) {
                    throw new IllegalStateException(
                            "the replica didn't start: " + Files.readString(log("replica-" + (replica + 1)))
                                    + Files.readString(log("zookeeper")),
                            e);
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
            }
        }
    }

    /**
     * Runs a statement on a replica, and returns its rows: columns are separated by tabs.
     *
     * @param settings of the statement, such as {@code insert_quorum=2}
     * @throws IllegalStateException if the replica refuses; the message is its own
     * @throws UncheckedIOException if it doesn't answer
     */
    public List<String> query(int replica, String sql, String... settings) {
        try {
            HttpURLConnection request = (HttpURLConnection)
                    URI.create("http://127.0.0.1:" + httpPort(replica) + "/?" + String.join("&", settings))
                            .toURL()
                            .openConnection();
            request.setDoOutput(true);
            request.setReadTimeout((int) TimeUnit.SECONDS.toMillis(PATIENCE_SECONDS));
            request.getOutputStream().write(sql.getBytes(StandardCharsets.UTF_8));
            boolean isRefused = request.getResponseCode() != HttpURLConnection.HTTP_OK;
            try (var answer = isRefused ? request.getErrorStream() : request.getInputStream()) {
                String text = new String(answer.readAllBytes(), StandardCharsets.UTF_8);
                if (isRefused) {
                    throw new IllegalStateException(text);
                }
                return text.lines().toList();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is ending: the first caller stops them.
        }
        stop();
    }

    private synchronized void stop() {
        try {
            for (Process process : processes) {
                process.getOutputStream().close();
            }
            for (Process process : processes) {
                process.onExit().join();
            }
            if (Files.exists(directory)) {
                Directories.delete(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
