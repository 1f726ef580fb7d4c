package io.usagekit.benchmarks;

import com.github.freva.asciitable.AsciiTable;
import com.github.freva.asciitable.Column;
import com.github.freva.asciitable.HorizontalAlign;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.SlotHash;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.servers.RedisCluster;
import io.usagekit.testkit.FaultyProxy;
import java.io.PrintWriter;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * How long it takes after each fault of Redis until a process stores figures in it again, and until its near cache receives invalidation messages again.
 * Each repetition has servers and a process of its own, with the default settings.
 */
final class RecoveryBenchmark {

    private static final Duration HANG = Duration.ofSeconds(5);
    private static final Duration FULL = Duration.ofSeconds(1);

    /** Longer than the shortest time from one connection to the next: it counts where a process has just been started only. */
    private static final Duration RUN = Duration.ofMillis(1_500);

    /** Times in milliseconds since a fault ended, or began where nobody ends it. */
    private record Recovery(double stored, OptionalDouble near) {}

    private record Fault(String name, String since, Timed timed) {
        interface Timed {
            Recovery run() throws Exception;
        }
    }

    private record Result(Fault fault, List<Recovery> recoveries) {

        static String median(List<Double> times) {
            return times.isEmpty() ? "" : time(Comparison.Spread.of(times).median());
        }

        static String worst(List<Double> times) {
            return times.stream().max(Double::compare).map(Result::time).orElse("");
        }

        List<Double> stored() {
            return recoveries.stream().map(Recovery::stored).toList();
        }

        List<Double> near() {
            return recoveries.stream()
                    .flatMap(recovery -> recovery.near().stream().boxed())
                    .toList();
        }

        private static String time(double millis) {
            return String.format(Locale.ROOT, "%.2f s", millis / 1e3);
        }
    }

    private final int repetitions;
    private final PrintWriter out;

    RecoveryBenchmark(int repetitions, PrintWriter out) {
        this.repetitions = repetitions;
        this.out = out;
    }

    /** Measures, on servers of its own, and prints the table. */
    void run() throws Exception {
        List<Fault> faults = List.of(
                new Fault("killed and started again", "the start", RecoveryBenchmark::killed),
                new Fault("hangs until calls fail", "it goes on", () -> hung(Duration.ZERO)),
                new Fault("hangs for " + HANG.toSeconds() + " s", "it goes on", () -> hung(HANG)),
                new Fault("connections are swallowed", "the last packet", RecoveryBenchmark::swallowed),
                new Fault("becomes a replica, its address leads to another", "the change", RecoveryBenchmark::switched),
                new Fault("full, no eviction", "there is memory", RecoveryBenchmark::full),
                new Fault("master of a cluster is killed", "the kill", () -> failedOver(EmbeddedRedisServer::kill)),
                new Fault("master of a cluster hangs", "the hang", () -> failedOver(EmbeddedRedisServer::pause)));
        List<Result> results = new ArrayList<>();
        for (Fault fault : faults) {
            List<Recovery> recoveries = new ArrayList<>();
            for (int repetition = 0; repetition < repetitions; repetition++) {
                recoveries.add(fault.timed().run());
            }
            results.add(new Result(fault, recoveries));
        }
        out.println(repetitions + " repetitions; until figures are stored, and until the near cache is back");
        out.println(table(results));
    }

    private static String table(List<Result> results) {
        return AsciiTable.builder()
                .border(AsciiTable.BASIC_ASCII_NO_DATA_SEPARATORS)
                .data(
                        results,
                        List.of(
                                column("Redis", HorizontalAlign.LEFT)
                                        .with(result -> result.fault().name()),
                                column("since", HorizontalAlign.LEFT)
                                        .with(result -> result.fault().since()),
                                column("stored, median", HorizontalAlign.RIGHT)
                                        .with(result -> Result.median(result.stored())),
                                column("worst", HorizontalAlign.RIGHT).with(result -> Result.worst(result.stored())),
                                column("near, median", HorizontalAlign.RIGHT)
                                        .with(result -> Result.median(result.near())),
                                column("worst", HorizontalAlign.RIGHT).with(result -> Result.worst(result.near()))))
                .asString();
    }

    private static Column column(String header, HorizontalAlign align) {
        return new Column().header(header).headerAlign(align).dataAlign(align);
    }

    /** A server, and a process with a near cache behind a proxy. */
    private static final class Setup implements AutoCloseable {
        private final EmbeddedRedisServer server = EmbeddedRedisServer.start();
        private final FaultyProxy proxy = proxy(server);
        private final RedisClient client = RedisClient.create("redis://" + proxy.host() + ":" + proxy.port());
        private final RecoveringProcess process = RecoveringProcess.withNearCache(client);

        private Setup() {
            try (Stored stored = new Stored(server)) {
                process.awaitStored(System.nanoTime(), stored);
            }
            last(RUN);
        }

        private static FaultyProxy proxy(EmbeddedRedisServer server) {
            URI address = URI.create(server.url());
            return FaultyProxy.to(address.getHost(), address.getPort());
        }

        Recovery recovery(long since, EmbeddedRedisServer next) {
            try (Stored stored = new Stored(next)) {
                double millis = process.awaitStored(since, stored);
                return new Recovery(millis, OptionalDouble.of(process.awaitNear(since)));
            }
        }

        @Override
        public void close() {
            process.close();
            client.shutdown();
            proxy.close();
            server.close();
        }
    }

    /** Looks into a server by a connection of its own. */
    private static final class Stored implements RecoveringProcess.Stored, AutoCloseable {
        private final RedisClient client;
        private final StatefulRedisConnection<String, String> connection;

        Stored(EmbeddedRedisServer server) {
            client = RedisClient.create(server.url());
            connection = client.connect();
        }

        @Override
        public boolean has(String entry) {
            try {
                return connection.sync().exists(entry) == 1;
            } catch (RedisException e) {
                return false; // the slot is another node's so far
            }
        }

        @Override
        public void close() {
            client.shutdown();
        }
    }

    private static Recovery killed() {
        try (Setup setup = new Setup()) {
            setup.process.beginFault();
            setup.server.kill();
            setup.process.awaitLost();
            setup.server.restart();
            return setup.recovery(System.nanoTime(), setup.server);
        }
    }

    private static Recovery hung(Duration hang) {
        try (Setup setup = new Setup()) {
            setup.process.beginFault();
            setup.server.pause();
            setup.process.awaitLost();
            last(hang);
            setup.server.resume();
            return setup.recovery(System.nanoTime(), setup.server);
        }
    }

    private static Recovery swallowed() {
        try (Setup setup = new Setup()) {
            long since = setup.process.beginFault();
            setup.proxy.swallow();
            return setup.recovery(since, setup.server);
        }
    }

    private static Recovery switched() {
        try (Setup setup = new Setup();
                EmbeddedRedisServer next = EmbeddedRedisServer.start()) {
            URI address = URI.create(next.url());
            setup.process.beginFault();
            setup.proxy.redirect(address.getHost(), address.getPort());
            configure(setup.server, redis -> redis.replicaof("127.0.0.1", 1)); // no server has this port
            long since = System.nanoTime();
            return setup.recovery(since, next);
        }
    }

    private static Recovery full() {
        try (Setup setup = new Setup()) {
            configure(setup.server, redis -> redis.configSet("maxmemory", "1"));
            last(FULL);
            configure(setup.server, redis -> redis.configSet("maxmemory", "0"));
            try (Stored stored = new Stored(setup.server)) {
                return new Recovery(
                        setup.process.awaitStored(System.nanoTime(), stored), OptionalDouble.empty()); // not lost
            }
        }
    }

    private static Recovery failedOver(Consumer<EmbeddedRedisServer> fault) {
        try (RedisCluster cluster = RedisCluster.start("cluster-require-full-coverage no")) {
            RedisClusterClient client = RedisClusterClient.create(
                    cluster.urls().stream().map(RedisURI::create).toList());
            try (RecoveringProcess process = RecoveringProcess.without(
                            client, key -> RedisCluster.masterOf(SlotHash.getSlot(key)) == 0);
                    Stored former = new Stored(cluster.node(0));
                    Stored next = new Stored(cluster.node(RedisCluster.MASTERS))) {
                process.awaitStored(System.nanoTime(), former);
                last(RUN);
                long since = System.nanoTime();
                fault.accept(cluster.node(0));
                return new Recovery(process.awaitStored(since, next), OptionalDouble.empty());
            } finally {
                client.shutdown();
            }
        }
    }

    private static void configure(EmbeddedRedisServer server, Consumer<RedisCommands<String, String>> commands) {
        RedisClient client = RedisClient.create(server.url());
        try (StatefulRedisConnection<String, String> connection = client.connect()) {
            commands.accept(connection.sync());
        } finally {
            client.shutdown();
        }
    }

    /** Lets a fault last. */
    private static void last(Duration duration) {
        long began = System.nanoTime();
        for (long left = duration.toNanos(); left > 0; left = duration.toNanos() - (System.nanoTime() - began)) {
            LockSupport.parkNanos(left);
        }
    }
}
