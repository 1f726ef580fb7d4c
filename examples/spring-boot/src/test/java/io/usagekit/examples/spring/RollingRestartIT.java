package io.usagekit.examples.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.servers.ExampleEvents;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three processes with the starter, which are restarted one after the other while requests flow. */
@Tag("thorough")
class RollingRestartIT {

    private static final int REPLICAS = 3;
    private static final int TERMINATED = 128 + 15;
    private static final Duration LONG = Duration.ofMinutes(2);

    private final EmbeddedPostgresServer postgres = EmbeddedPostgresServer.start();
    private final EmbeddedRedisServer redis = EmbeddedRedisServer.start();
    private final RedisClient client = RedisClient.create(redis.url());
    private final StatefulRedisConnection<String, String> connection = client.connect();
    private final List<Replica> all = new CopyOnWriteArrayList<>();
    private final Path directory;

    RollingRestartIT(@TempDir Path directory) {
        this.directory = directory;
    }

    @AfterEach
    void stop() {
        all.forEach(Replica::close);
        client.close();
        redis.close();
        postgres.close();
    }

    private Replica launch() {
        Replica replica = Replica.launch(
                directory,
                List.of(
                        "--spring.datasource.url=" + postgres.jdbcUrl(),
                        "--spring.data.redis.url=" + redis.url(),
                        // A machine that stalls isn't an outage.
                        "--spring.datasource.hikari.connection-timeout=60000",
                        "--spring.lifecycle.timeout-per-shutdown-phase=2m",
                        // What runs on the scheduler would wait for the test's lock, and the end of a process for it.
                        "--usagekit.metrics.pause=1d",
                        "--usagekit.worker.pause=1d",
                        "--usagekit.redis.command-timeout=1m",
                        "--usagekit.redis.connect-timeout=1m",
                        "--usagekit.redis.lease=1m",
                        "--usagekit.computation-timeout=10m",
                        "--usagekit.drain-timeout=10m",
                        "--usagekit.worker.drain-timeout=10m"));
        all.add(replica);
        return replica;
    }

    private List<Replica> launchTogether(int count) {
        return Stream.generate(() -> CompletableFuture.supplyAsync(this::launch)).limit(count).toList().stream()
                .map(CompletableFuture::join)
                .toList();
    }

    @Test
    void noRequestFailsAndNoLeaseIsLeft() throws Exception {
        List<Replica> running = new ArrayList<>(List.of(launch())); // creates the tables
        ExampleEvents.addTo(postgres.dataSource());
        Traffic traffic =
                new Traffic(YearMonth.now(ZoneOffset.UTC).minusMonths(1).toString());
        try (traffic) {
            running.addAll(launchTogether(REPLICAS - 1));
            running.forEach(replica -> traffic.add(replica.url()));
            traffic.start();
            for (Replica old : running) {
                terminateWhileItComputes(old, traffic);
                Replica replica = launch();
                traffic.add(replica.url());
                awaitAnswer(traffic, replica);
            }
        }
        for (Replica replica : all.subList(REPLICAS, all.size())) {
            replica.terminate();
            assertThat(replica.awaitEnd()).isEqualTo(TERMINATED);
        }

        assertThat(traffic.errors()).isEmpty();
        assertThat(traffic.answers())
                .hasSize(2 * REPLICAS)
                .allSatisfy((replica, answers) -> assertThat(answers).isPositive());
        assertThat(traffic.volumes()).as("volumes of the month").hasSize(1);
        assertThat(leases()).isEmpty();
        for (Replica replica : all) {
            assertThat(replica.log().lines())
                    .filteredOn(line -> !line.contains("HikariPool")) // of a clock that leapt
                    .isEmpty();
        }
    }

    /** Terminates a replica that computes figures under leases, and lets computations end once it accepts no more connections. */
    private void terminateWhileItComputes(Replica replica, Traffic traffic) throws Exception {
        try (Connection lock = lockProjects()) {
            await("leases of all replicas", () -> leases().size() >= 2 * REPLICAS);
            traffic.remove(replica.url());
            replica.terminate();
            await("refusals of " + replica.url(), () -> isRefused(replica.url()));
            lock.rollback();
        }
        assertThat(replica.awaitEnd()).isEqualTo(TERMINATED);
    }

    /** What computations wait for. */
    private Connection lockProjects() throws SQLException {
        Connection lock = postgres.dataSource().getConnection();
        lock.setAutoCommit(false);
        try (Statement statement = lock.createStatement()) {
            statement.execute("lock table usagekit.projects in access exclusive mode");
        }
        return lock;
    }

    private List<String> leases() {
        return connection.sync().keys("usage:lock:*");
    }

    private static boolean isRefused(URI url) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), url.getPort())) {
            assertThat(socket.isConnected()).isTrue();
            return false;
        } catch (SocketException e) { // refused, or reset since the listener was closed meanwhile
            return true;
        }
    }

    private static void awaitAnswer(Traffic traffic, Replica replica) throws Exception {
        await("an answer of " + replica.url(), () -> traffic.answers().getOrDefault(replica.url(), 0) > 0);
    }

    private static void await(String what, Callable<Boolean> condition) {
        Awaitility.await(what).atMost(LONG).until(condition);
    }
}
