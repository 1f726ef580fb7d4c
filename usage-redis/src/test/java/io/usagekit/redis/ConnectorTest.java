package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.api.StatefulRedisConnection;
import io.netty.util.concurrent.GlobalEventExecutor;
import io.usagekit.redis.internal.ConnectionAttempt;
import io.usagekit.redis.internal.Connector;
import io.usagekit.redis.internal.Failover;
import java.lang.reflect.Proxy;
import java.net.URL;
import java.net.URLClassLoader;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** How connections are closed. */
class ConnectorTest {

    private static final ConnectionAttempt.Limits LIMITS =
            ConnectionAttempt.Limits.of(GlobalEventExecutor.INSTANCE.newPromise(), Duration.ofMinutes(1));

    /** Returns a connection whose closing never completes, as when the client's own threads are held up. */
    private static StatefulRedisConnection<String, String> stuck() {
        return closingBy(CompletableFuture::new);
    }

    @SuppressWarnings("unchecked")
    private static StatefulRedisConnection<String, String> closingBy(Supplier<CompletableFuture<Void>> closing) {
        return (StatefulRedisConnection<String, String>) Proxy.newProxyInstance(
                ConnectorTest.class.getClassLoader(),
                new Class<?>[] {StatefulRedisConnection.class},
                (proxy, method, arguments) -> method.getName().equals("closeAsync") ? closing.get() : null);
    }

    /** Lettuce logs a warning about a connection that is closed a second time. */
    @Test
    void closesAConnectionOnce() throws Exception {
        AtomicInteger closed = new AtomicInteger();
        Connector<StatefulRedisConnection<String, String>> connector = new Connector<>(
                () -> closingBy(() -> {
                    closed.incrementAndGet();
                    return CompletableFuture.completedFuture(null);
                }),
                new Failover(),
                LIMITS);
        connector.attempt().get(30, TimeUnit.SECONDS);

        connector.close();
        connector.close();

        assertThat(closed).hasValue(1);
    }

    /** An application server's class loader would stay alive for as long as the attempt hangs. */
    @Test
    void connectsWithTheLibrarysContextClassLoader() throws Exception {
        CompletableFuture<ClassLoader> seen = new CompletableFuture<>();
        Connector<StatefulRedisConnection<String, String>> connector = new Connector<>(
                () -> {
                    seen.complete(Thread.currentThread().getContextClassLoader());
                    return stuck();
                },
                new Failover(),
                LIMITS);
        Thread caller = Thread.currentThread();
        ClassLoader before = caller.getContextClassLoader();
        try (URLClassLoader applications = new URLClassLoader(new URL[0])) {
            caller.setContextClassLoader(applications);
            var unused = connector.attempt();
            assertThat(seen.get(30, TimeUnit.SECONDS)).isSameAs(Connector.class.getClassLoader());
        } finally {
            caller.setContextClassLoader(before);
        }
    }

    @Test
    void waitsForAConnectionToCloseNoLongerThanItsLimit() throws Exception {
        Connector<StatefulRedisConnection<String, String>> connector =
                new Connector<>(ConnectorTest::stuck, new Failover(), LIMITS);
        connector.attempt().get(30, TimeUnit.SECONDS);
        try (CapturedLog log = new CapturedLog()) {
            long began = System.nanoTime();
            CompletableFuture.runAsync(connector::close).get(60, TimeUnit.SECONDS);
            assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThanOrEqualTo(Connector.CLOSE_LIMIT);
            assertThat(log.lines("WARN"))
                    .singleElement()
                    .asString()
                    .contains("a connection to Redis wasn't closed within PT2S, and is left to its client");
        }
    }
}
