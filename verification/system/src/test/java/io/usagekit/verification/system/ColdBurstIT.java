package io.usagekit.verification.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.Freshness;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.redis.RedisUsage;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How many transactions PostgreSQL sees, over the real cache. */
class ColdBurstIT {

    private static final int CALLERS = 64;

    private static WholeSystem system;

    private final AtomicInteger connectionsTaken = new AtomicInteger();
    private volatile CountDownLatch gate = new CountDownLatch(0);

    @BeforeAll
    static void start() throws SQLException {
        system = new WholeSystem();
    }

    @AfterAll
    static void stop() {
        system.close();
    }

    @BeforeEach
    void empty() {
        try (var connection = system.redisClient.connect()) {
            connection.sync().flushall();
        }
    }

    @Test
    void aBurstOnAColdKeyIsOneQueryInEachOfTwentyRounds() throws Exception {
        ExecutorService callers = Executors.newFixedThreadPool(CALLERS);
        try (UsageService usage = service(Duration.ofMinutes(1), new UsageListener() {})) {
            for (int round = 1; round <= 20; round++) {
                empty();
                connectionsTaken.set(0);
                CyclicBarrier together = new CyclicBarrier(CALLERS);
                List<Future<UsageResult>> results = new ArrayList<>();
                for (int i = 0; i < CALLERS; i++) {
                    results.add(callers.submit(() -> {
                        together.await();
                        return usage.get("org-3", WholeSystem.MARCH);
                    }));
                }
                for (Future<UsageResult> result : results) {
                    assertThat(result.get().usage())
                            .hasValueSatisfying(
                                    found -> assertThat(found).isEqualTo(WholeSystem.expected(3, found.createdAt())));
                }
                assertThat(connectionsTaken).as("queries in round %s", round).hasValue(1);
            }
        } finally {
            callers.shutdown();
        }
    }

    @Test
    void aHitIsNoQueryAndAnotherProcessHitsToo() {
        try (UsageService one = service(Duration.ofMinutes(1), new UsageListener() {});
                UsageService other = service(Duration.ofMinutes(1), new UsageListener() {})) {
            UsageResult computed = one.get("org-2", WholeSystem.MARCH);
            connectionsTaken.set(0);
            assertThat(one.get("org-2", WholeSystem.MARCH).usage()).isEqualTo(computed.usage());
            assertThat(other.get("org-2", WholeSystem.MARCH).usage()).isEqualTo(computed.usage());
            assertThat(connectionsTaken).as("queries for two hits").hasValue(0);
        }
    }

    @Test
    void aRefreshIsOneQueryInTheBackgroundThatNobodyWaitsFor() throws InterruptedException {
        CountDownLatch refreshed = new CountDownLatch(2);
        UsageListener listener = new UsageListener() {
            @Override
            public void computed(UsageKey key, Duration took) {
                refreshed.countDown();
            }
        };
        try (UsageService usage = service(Duration.ZERO, listener)) {
            UsageResult first = usage.get("org-4", WholeSystem.MARCH);
            connectionsTaken.set(0);
            gate = new CountDownLatch(1);
            for (int i = 0; i < 10; i++) {
                // The refresh stands at the gate meanwhile: a caller that waited for it would never return.
                UsageResult hit = usage.get("org-4", WholeSystem.MARCH);
                assertThat(hit.freshness()).isEqualTo(Freshness.STALE);
                assertThat(hit.usage()).isEqualTo(first.usage());
            }
            gate.countDown();
            assertThat(refreshed.await(30, TimeUnit.SECONDS))
                    .as("the refresh has ended")
                    .isTrue();
            assertThat(connectionsTaken)
                    .as("queries for ten hits on a stale figure")
                    .hasValue(1);
        }
    }

    /** A service that has asked, as each does once, how the column writes ids. */
    private UsageService service(Duration refreshAfter, UsageListener listener) {
        UsageService usage = UsageService.builder(PostgresUsage.calculator(counted(system.pool)))
                .cache(RedisUsage.builder(system.redisClient)
                        .commandTimeout(Duration.ofSeconds(10))
                        .connectTimeout(Duration.ofSeconds(30))
                        .build())
                .refreshAfter(refreshAfter)
                .listener(listener)
                .build();
        usage.invalidate("an id that no call has");
        return usage;
    }

    private DataSource counted(DataSource dataSource) {
        return (DataSource) Proxy.newProxyInstance(
                ColdBurstIT.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("getConnection")) {
                        connectionsTaken.incrementAndGet();
                        gate.await();
                    }
                    try {
                        return method.invoke(dataSource, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }
}
