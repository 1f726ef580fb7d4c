package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisCommandTimeoutException;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.netty.util.concurrent.GlobalEventExecutor;
import io.usagekit.redis.internal.ConnectionAttempt;
import io.usagekit.redis.internal.Connector;
import io.usagekit.redis.internal.Failover;
import io.usagekit.redis.internal.LivenessProbe;
import io.usagekit.redis.internal.Timeouts;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** PINGs on connections whose answers are late. */
class LivenessProbeTest {

    private static final Duration TIMEOUT = Duration.ofMillis(1);

    private final AtomicInteger pings = new AtomicInteger();
    /** Timers that haven't run, and how long they wait. */
    private final Queue<Runnable> timers = new ConcurrentLinkedQueue<>();

    private final List<Duration> delays = new CopyOnWriteArrayList<>();

    @Test
    void sendsPingsLessAndLessOftenWhileAnswersAreLate() {
        Connector<StatefulRedisConnection<String, String>> connector = connector(this::connection);
        StatefulRedisConnection<String, String> connection = connector.attempt().join();
        LivenessProbe<StatefulRedisConnection<String, String>> probe = probe(connector, TIMEOUT, new AtomicInteger());

        probe.start(connection);
        for (int late = 1; late <= 14; late++) {
            assertThat(pings).as("each waits for its timer").hasValue(late);
            Objects.requireNonNull(timers.poll(), "no PING is to follow").run();
        }

        assertThat(probe.isPending(connection)).isTrue();
        assertThat(delays.subList(0, 14).stream().map(Duration::toMillis))
                .containsExactly(0L, 1L, 2L, 4L, 8L, 16L, 32L, 64L, 128L, 256L, 512L, 1000L, 1000L, 1000L);
    }

    /** With the timeout of the command before it a silent connection costs three of them; and more where no connection has answered since. */
    @Test
    void replacesASilentConnectionAfterTwoTimeoutsAndEachFurtherOneAfterTwiceAsLong() {
        List<AtomicInteger> closed = new ArrayList<>();
        Connector<StatefulRedisConnection<String, String>> connector = connector(() -> silentConnection(closed));
        AtomicInteger silences = new AtomicInteger();
        LivenessProbe<StatefulRedisConnection<String, String>> probe = probe(connector, TIMEOUT, silences);

        long began = System.nanoTime();
        probe.start(connector.attempt().join());
        Redis.eventually("another connection may be made", () -> System.nanoTime() - began > Connector.RETRY_NANOS);
        Objects.requireNonNull(timers.poll(), "no timeout").run();

        assertThat(silences).hasValue(1);
        assertThat(closed.get(0)).as("times the silent connection was closed").hasValue(1);
        Redis.eventually("the new connection has to prove itself", () -> !timers.isEmpty());
        assertThat(delays).hasSize(2);
        assertThat(delays.get(0)).isBetween(Duration.ofNanos(1), TIMEOUT.multipliedBy(2));
        assertThat(delays.get(1)).isBetween(TIMEOUT.multipliedBy(2), TIMEOUT.multipliedBy(4));
    }

    /** Each command that times out starts the probe of its connection. */
    @Test
    void sendsOnePingForAllThatStartTheProbeAndNoneOnAClosedConnection() {
        List<AtomicInteger> closed = new ArrayList<>();
        LivenessProbe<StatefulRedisConnection<String, String>> probe =
                probe(connector(() -> silentConnection(closed)), TIMEOUT, new AtomicInteger());
        StatefulRedisConnection<String, String> connection = silentConnection(closed);
        probe.start(connection);
        probe.start(connection);
        assertThat(timers).as("a PING has one").hasSize(1);

        StatefulRedisConnection<String, String> ended = silentConnection(closed);
        closed.get(1).set(1);
        probe.start(ended);
        assertThat(timers).hasSize(1);
        assertThat(probe.isPending(ended)).isFalse();
    }

    /** The next call makes another connection. */
    @Test
    void leavesAConnectionThatWasClosedMeanwhile() {
        List<AtomicInteger> closed = new ArrayList<>();
        Connector<StatefulRedisConnection<String, String>> connector = connector(() -> silentConnection(closed));
        AtomicInteger silences = new AtomicInteger();
        LivenessProbe<StatefulRedisConnection<String, String>> probe = probe(connector, TIMEOUT, silences);
        StatefulRedisConnection<String, String> connection = connector.attempt().join();
        probe.start(connection);
        closed.get(0).set(1);
        Objects.requireNonNull(timers.poll(), "no timeout").run();

        assertThat(silences).hasValue(0);
        assertThat(closed.get(0)).as("not closed by the probe").hasValue(1);
        assertThat(probe.isPending(connection)).isFalse();
    }

    /** Lettuce's own timeout may be shorter than the patience, and longer. */
    @Test
    void sendsAnotherPingAfterATimeoutOfTheClientUntilThePatienceIsOver() {
        List<AtomicInteger> closed = new ArrayList<>();
        List<CompletableFuture<String>> pongs = new ArrayList<>();
        Connector<StatefulRedisConnection<String, String>> connector = connector(() -> connection(closed, () -> {
            pongs.add(new CompletableFuture<>());
            return pongs.get(pongs.size() - 1);
        }));
        AtomicInteger silences = new AtomicInteger();
        Duration commandTimeout = Duration.ofMillis(500);
        StatefulRedisConnection<String, String> connection = connector.attempt().join();
        long before = System.nanoTime();
        probe(connector, commandTimeout, silences).start(connection);
        long began = System.nanoTime();
        RedisCommandTimeoutException timeout = new RedisCommandTimeoutException();
        pongs.get(0).completeExceptionally(timeout);
        if (System.nanoTime() - before < commandTimeout.multipliedBy(2).toNanos()) {
            assertThat(pongs).hasSize(2);
            assertThat(delays.get(1)).as("what is left of the patience").isLessThan(delays.get(0));
            assertThat(silences).hasValue(0);
        }

        Redis.eventually(
                "the patience is over",
                () -> System.nanoTime() - began > commandTimeout.multipliedBy(2).toNanos());
        pongs.get(pongs.size() - 1).completeExceptionally(timeout);
        assertThat(silences).hasValue(1);
        assertThat(closed.get(0)).as("times the silent connection was closed").hasValue(1);
    }

    @Test
    void replacesAConnectionThatIsOpenAndFailsAtOnce() {
        List<AtomicInteger> closed = new ArrayList<>();
        Connector<StatefulRedisConnection<String, String>> connector = connector(
                () -> connection(closed, () -> CompletableFuture.failedFuture(new RedisException("no event loop"))));
        AtomicInteger silences = new AtomicInteger();
        probe(connector, Duration.ofMinutes(1), silences)
                .start(connector.attempt().join());
        assertThat(silences).hasValue(1);
        assertThat(closed.get(0)).hasValue(1);
    }

    private static Connector<StatefulRedisConnection<String, String>> connector(
            Supplier<StatefulRedisConnection<String, String>> connect) {
        return new Connector<>(
                connect,
                new Failover(),
                ConnectionAttempt.Limits.of(GlobalEventExecutor.INSTANCE.newPromise(), Duration.ofMinutes(1)));
    }

    private LivenessProbe<StatefulRedisConnection<String, String>> probe(
            Connector<StatefulRedisConnection<String, String>> connector,
            Duration commandTimeout,
            AtomicInteger silences) {
        return new LivenessProbe<>(
                connector, commandTimeout, new Timeouts(scheduler()), answered -> {}, silences::incrementAndGet);
    }

    private StatefulRedisConnection<String, String> silentConnection(List<AtomicInteger> closed) {
        return connection(closed, CompletableFuture::new);
    }

    /**
     * Returns a connection.
     *
     * @param closed receives how often it is closed
     * @param pong returns the answer of a PING
     */
    private StatefulRedisConnection<String, String> connection(
            List<AtomicInteger> closed, Supplier<CompletableFuture<String>> pong) {
        AtomicInteger times = new AtomicInteger();
        closed.add(times);
        Object done = CompletableFuture.completedFuture(null);
        Object commands = proxy(
                RedisAsyncCommands.class,
                Map.of("ping", () -> proxy(RedisFuture.class, Map.of("toCompletableFuture", pong::get))));
        @SuppressWarnings("unchecked")
        StatefulRedisConnection<String, String> connection = (StatefulRedisConnection<String, String>) proxy(
                StatefulRedisConnection.class,
                Map.of("async", () -> commands, "isOpen", () -> times.get() == 0, "closeAsync", () -> {
                    times.incrementAndGet();
                    return done;
                }));
        return connection;
    }

    private StatefulRedisConnection<String, String> connection() {
        Object commands = proxy(RedisAsyncCommands.class, Map.of("ping", this::lateAnswer));
        @SuppressWarnings("unchecked")
        StatefulRedisConnection<String, String> connection = (StatefulRedisConnection<String, String>)
                proxy(StatefulRedisConnection.class, Map.of("async", () -> commands, "isOpen", () -> true));
        return connection;
    }

    /** Answers once the timeout has passed. */
    private Object lateAnswer() {
        pings.incrementAndGet();
        long sent = System.nanoTime();
        while (System.nanoTime() - sent <= TIMEOUT.toNanos()) {
            Thread.onSpinWait();
        }
        CompletableFuture<String> pong = CompletableFuture.completedFuture("PONG");
        return proxy(RedisFuture.class, Map.of("toCompletableFuture", () -> pong));
    }

    private ScheduledExecutorService scheduler() {
        return (ScheduledExecutorService) Proxy.newProxyInstance(
                LivenessProbeTest.class.getClassLoader(),
                new Class<?>[] {ScheduledExecutorService.class},
                (self, method, arguments) -> {
                    timers.add((Runnable) arguments[0]);
                    delays.add(Duration.of((Long) arguments[1], ((TimeUnit) arguments[2]).toChronoUnit()));
                    return proxy(ScheduledFuture.class, Map.of("cancel", () -> false));
                });
    }

    private static Object proxy(Class<?> type, Map<String, Supplier<Object>> methods) {
        return Proxy.newProxyInstance(
                LivenessProbeTest.class.getClassLoader(),
                new Class<?>[] {type},
                (self, method, arguments) -> Objects.requireNonNull(methods.get(method.getName()), method.getName())
                        .get());
    }
}
