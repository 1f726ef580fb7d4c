package io.usagekit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

/**
 * A Redis server, a replica of it, and three Sentinels on the loopback interface: when the master is away for half a second, they let the
 * replica take its place. Not thread-safe.
 *
 * @since 0.1
 */
public final class RedisSentinels implements AutoCloseable {

    /** What the Sentinels call the master. */
    public static final String MASTER = "usagekit";

    private static final int SENTINELS = 3;
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);

    private final Path directory;
    private final List<EmbeddedRedisServer> servers = new ArrayList<>();
    private final List<Integer> ports = new ArrayList<>();
    private final List<Process> sentinels = new ArrayList<>();
    private final Thread hook = new Thread(this::stopSentinels, "usagekit-sentinels-stop");

    private RedisSentinels(Path directory) {
        this.directory = directory;
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /**
     * Starts all of them and waits until each Sentinel knows the others and the replica.
     *
     * @throws UncheckedIOException if they can't be started on this machine
     */
    public static RedisSentinels start() {
        try {
            return FreePorts.start(RedisSentinels::startOnce);
        } catch (IOException e) {
            throw new UncheckedIOException("Redis with Sentinels can't be started: " + e.getMessage(), e);
        }
    }

    private static RedisSentinels startOnce() throws IOException {
        RedisSentinels all = new RedisSentinels(Files.createTempDirectory("usagekit-sentinels"));
        try {
            EmbeddedRedisServer master = all.server();
            all.server("replicaof 127.0.0.1 " + master.port());
            for (int i = 0; i < SENTINELS; i++) {
                all.launchSentinel(FreePorts.choose(1)[0], master.port());
            }
            all.awaitReplica();
            return all;
        } catch (RuntimeException | IOException e) {
            all.close();
            throw e;
        }
    }

    private EmbeddedRedisServer server(String... settings) {
        List<String> all = new ArrayList<>(List.of("repl-diskless-sync yes", "repl-diskless-sync-delay 0"));
        all.addAll(List.of(settings));
        EmbeddedRedisServer server = EmbeddedRedisServer.start(all.toArray(String[]::new));
        servers.add(server);
        return server;
    }

    private void launchSentinel(int port, int master) throws IOException {
        Path file = directory.resolve("sentinel-" + port + ".conf");
        Files.write(
                file,
                List.of(
                        "port " + port,
                        "bind 127.0.0.1",
                        "dir " + directory,
                        "sentinel monitor %s 127.0.0.1 %d 2".formatted(MASTER, master),
                        "sentinel down-after-milliseconds %s 500".formatted(MASTER),
                        "sentinel failover-timeout %s 2000".formatted(MASTER)));
        ports.add(port);
        sentinels.add(new ProcessBuilder(RedisExecutable.ofEnvironment().toString(), file.toString(), "--sentinel")
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("sentinel-" + port + ".log").toFile())
                .start());
    }

    /** Returns the address for clients of the master, whichever server that is. */
    public String url() {
        return "redis-sentinel://"
                + ports.stream().map(port -> "127.0.0.1:" + port).collect(Collectors.joining(",")) + "#" + MASTER;
    }

    /** Returns both servers. */
    public List<EmbeddedRedisServer> servers() {
        return List.copyOf(servers);
    }

    /** Returns the server that most Sentinels call the master. */
    public EmbeddedRedisServer master() {
        return servers.stream()
                .filter(server ->
                        2 * ports.stream().filter(port -> calls(port, server)).count() > SENTINELS)
                .findFirst()
                .orElseGet(() -> servers.get(0));
    }

    private static boolean calls(int sentinel, EmbeddedRedisServer server) {
        return EmbeddedRedisServer.ask(sentinel, "SENTINEL get-master-addr-by-name " + MASTER)
                .endsWith("\n" + server.port());
    }

    /** Asks the Sentinels to let the replica take the master's place. */
    public void failOver() {
        EmbeddedRedisServer.ask(ports.get(0), "SENTINEL failover " + MASTER);
    }

    /**
     * Waits until this one is no master any more.
     *
     * @throws IllegalStateException if it is one for a minute
     */
    public void awaitFailover(EmbeddedRedisServer former) {
        until("another master than " + former.url(), () -> master() != former);
    }

    /**
     * Waits until both servers run, each Sentinel knows the others, and the replica has the master's keys.
     *
     * @throws IllegalStateException if that isn't so within a minute
     */
    public void awaitReplica() {
        until("a replica of the master", () -> {
            String roles = servers.stream()
                    .map(server -> EmbeddedRedisServer.ask(server.port(), "INFO replication"))
                    .collect(Collectors.joining());
            return roles.contains("role:master")
                    && roles.contains("master_link_status:up")
                    && ports.stream()
                            .map(port -> EmbeddedRedisServer.ask(port, "INFO sentinel"))
                            .allMatch(seen -> seen.contains("status=ok") && seen.contains("slaves=1,sentinels=3"));
        });
    }

    private interface Condition {
        boolean holds();
    }

    private void until(String what, Condition condition) {
        long began = System.nanoTime();
        while (!condition.holds()) {
            if (System.nanoTime() - began > PATIENCE_NANOS) {
                throw new IllegalStateException("not after a minute: " + what + "; the Sentinels say "
                        + ports.stream()
                                .map(port -> EmbeddedRedisServer.ask(port, "INFO sentinel"))
                                .toList());
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }
    }

    private void stopSentinels() {
        sentinels.forEach(Process::destroyForcibly);
        sentinels.forEach(sentinel -> sentinel.onExit().join());
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is ending.
        }
        stopSentinels();
        servers.forEach(EmbeddedRedisServer::close);
        try {
            Directories.delete(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
