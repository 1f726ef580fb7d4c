package io.usagekit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;

/**
 * A Redis Cluster of this JVM on the loopback interface: three masters and a replica of each, without persistence of keys. Nodes keep
 * what they know of the cluster, so one that was killed joins it again. Not thread-safe.
 *
 * @since 0.1
 */
public final class RedisCluster implements AutoCloseable {

    /** Number of masters: nodes 0, 1 and 2. Node {@code i + MASTERS} replicates node {@code i}. */
    public static final int MASTERS = 3;

    private static final int NODES = 2 * MASTERS;
    private static final int SLOTS = 16_384;

    /** Redis listens for other nodes on the port for clients plus this. */
    private static final int BUS = 10_000;

    private static final int LAST_PORT = 65_535;
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);

    private final Path executable;
    private final Path directory;
    private final List<Integer> ports;
    private final List<EmbeddedRedisServer> nodes = new ArrayList<>();

    private RedisCluster(Path executable, Path directory, List<Integer> ports) {
        this.executable = executable;
        this.directory = directory;
        this.ports = ports;
    }

    /**
     * Starts all nodes and waits until each serves all slots, and each replica has its master's keys.
     *
     * @param settings lines of {@code redis.conf} of each node
     * @throws UncheckedIOException if it can't be started on this machine
     */
    public static RedisCluster start(String... settings) {
        return start(RedisExecutable.ofEnvironment(), settings);
    }

    /** Starts nodes of this executable as {@link #start(String...)} does. */
    public static RedisCluster start(Path executable, String... settings) {
        try {
            return FreePorts.start(() -> startOn(executable, freePorts(), settings));
        } catch (IOException e) {
            throw new UncheckedIOException("a Redis Cluster can't be started: " + e.getMessage(), e);
        }
    }

    private static RedisCluster startOn(Path executable, List<Integer> ports, String... settings) throws IOException {
        RedisCluster cluster = new RedisCluster(executable, Files.createTempDirectory("usagekit-redis-cluster"), ports);
        try {
            for (int node = 0; node < NODES; node++) {
                cluster.launch(node, settings);
            }
            cluster.awaitCovered();
            return cluster;
        } catch (RuntimeException | IOException e) {
            cluster.close();
            throw e;
        }
    }

    private static List<Integer> freePorts() throws IOException {
        List<ServerSocket> held = new ArrayList<>();
        List<Integer> ports = new ArrayList<>();
        try {
            while (ports.size() < NODES) {
                ServerSocket client = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                held.add(client);
                if (client.getLocalPort() + BUS <= LAST_PORT && hold(client.getLocalPort() + BUS, held)) {
                    ports.add(client.getLocalPort());
                }
            }
        } finally {
            for (ServerSocket socket : held) {
                socket.close();
            }
        }
        return ports;
    }

    private static boolean hold(int port, List<ServerSocket> held) {
        try {
            held.add(new ServerSocket(port, 1, InetAddress.getLoopbackAddress()));
            return true;
        } catch (IOException e) {
            return false; // in use
        }
    }

    /** The node finds the whole cluster in its file, as if it had been started again: nodes needn't meet. */
    private void launch(int node, String... settings) throws IOException {
        Path home = Files.createDirectory(directory.resolve("node-" + node));
        Files.writeString(home.resolve("nodes.conf"), topology(node));
        List<String> all = new ArrayList<>(List.of(
                "cluster-enabled yes",
                "cluster-config-file nodes.conf",
                "cluster-node-timeout 2000",
                "repl-diskless-sync yes",
                "repl-diskless-sync-delay 0",
                "dir " + home));
        all.addAll(List.of(settings));
        nodes.add(EmbeddedRedisServer.startOn(executable, ports.get(node), all.toArray(String[]::new)));
    }

    /** Returns what {@code CLUSTER NODES} would on this node. */
    private String topology(int self) {
        StringBuilder text = new StringBuilder();
        for (int node = 0; node < NODES; node++) {
            int master = node % MASTERS;
            text.append(id(node))
                    .append(" 127.0.0.1:%d@%d ".formatted(ports.get(node), ports.get(node) + BUS))
                    .append(node == self ? "myself," : "")
                    .append(node == master ? "master -" : "slave " + id(master))
                    .append(" 0 0 %d connected".formatted(master + 1))
                    .append(node == master ? " %d-%d".formatted(firstSlot(node), firstSlot(node + 1) - 1) : "")
                    .append('\n');
        }
        return text.append("vars currentEpoch %d lastVoteEpoch 0%n".formatted(MASTERS))
                .toString();
    }

    private static int firstSlot(int master) {
        return SLOTS * master / MASTERS;
    }

    /** Returns the id of a node: 40 hexadecimal digits. */
    public String id(int node) {
        return "%040x".formatted(ports.get(node));
    }

    /** Returns the node that had this slot when the cluster was started. */
    public static int masterOf(int slot) {
        return IntStream.range(0, MASTERS)
                .filter(master -> slot < firstSlot(master + 1))
                .findFirst()
                .orElseThrow();
    }

    /** Returns a node, to be killed or paused, e.g.; the cluster closes it. */
    public EmbeddedRedisServer node(int node) {
        return nodes.get(node);
    }

    /** Returns the addresses of all nodes, {@code redis://host:port}. */
    public List<String> urls() {
        return nodes.stream().map(EmbeddedRedisServer::url).toList();
    }

    /**
     * Waits until each node says that all slots are served, and each replica has its master's keys. For a cluster all of whose nodes run.
     *
     * @throws IllegalStateException if they don't within a minute
     */
    public void awaitCovered() {
        long began = System.nanoTime();
        for (int port : ports) {
            while (!isReady(port)) {
                if (System.nanoTime() - began > PATIENCE_NANOS) {
                    throw new IllegalStateException("node 127.0.0.1:" + port + " isn't ready after a minute:\n"
                            + EmbeddedRedisServer.ask(port, "CLUSTER NODES"));
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
            }
        }
    }

    private static boolean isReady(int port) {
        String replication = EmbeddedRedisServer.ask(port, "INFO replication");
        boolean isSynchronised = replication.contains("role:master") || replication.contains("master_link_status:up");
        return isSynchronised && EmbeddedRedisServer.ask(port, "CLUSTER INFO").contains("cluster_state:ok");
    }

    @Override
    public void close() {
        nodes.forEach(EmbeddedRedisServer::close);
        try {
            Directories.delete(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
