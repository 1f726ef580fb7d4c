package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Service over the cache in Redis, with and without outages. */
class UsageServiceOverRedisIT {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final int ORGANISATIONS = 5;
    /** Far longer than the default: a loaded machine that stalls a thread or the server must cause no outage. */
    private static final Duration COMMAND_TIMEOUT = Duration.ofSeconds(2);

    private static final Duration SLACK = Duration.ofSeconds(30);

    private final ManualClock clock = ManualClock.at("2026-03-17T01:28:00Z");
    private final InMemoryUsageCalculator calculator = facts(InMemoryUsageCalculator.create(clock));
    private final Events events = new Events();
    private EmbeddedRedisServer server;
    private RedisClient client;
    private CapturedLog log;

    @BeforeEach
    void start() {
        server = EmbeddedRedisServer.start();
        client = RedisClient.create(server.url());
        log = new CapturedLog();
    }

    @AfterEach
    void stop() {
        log.close();
        client.shutdown();
        server.close();
    }

    @Test
    void computesAndWritesColdKeyOnceFor64Callers() {
        CountDownLatch allHaveAsked = new CountDownLatch(1);
        try (UsageService service = UsageService.builder((key, timeout) -> {
                    await(allHaveAsked);
                    return calculator.calculate(key, timeout);
                })
                .cache(Redis.patient(client))
                .listener(events)
                .build()) {
            List<UsageResult> answers = inParallel(64, () -> service.get("org-1", MARCH), () -> {
                eventually("all callers have missed", () -> events.misses.get() == 64);
                allHaveAsked.countDown();
            });

            assertThat(answers).hasSize(64).allSatisfy(answer -> {
                assertThat(answer.freshness()).isEqualTo(Freshness.FRESH);
                assertThat(answer.usage()).contains(truth(1));
            });
        }
        assertThat(calculator.computations()).isEqualTo(1);
        assertThat(Redis.calls(client, "set")).isEqualTo(1);
    }

    @Test
    void computesNothingOnHit() {
        try (UsageService service = service()) {
            service.get("org-1", MARCH);
            for (int times = 0; times < 10; times++) {
                UsageResult hit = service.get("org-1", MARCH);
                assertThat(hit.freshness()).isEqualTo(Freshness.FRESH);
                assertThat(hit.usage()).contains(truth(1));
            }
        }
        assertThat(calculator.computations()).isEqualTo(1);
        assertThat(Redis.calls(client, "set")).isEqualTo(1);
    }

    /** The second of two scripts would reject a load that has started in between. */
    @Test
    void runsTheScriptOfAnInvalidationOnceForCacheAndFlights() {
        for (boolean isNear : new boolean[] {false, true}) {
            RedisUsage.Builder shared = Redis.patience(client);
            try (UsageService service = UsageService.builder(calculator)
                    .cache(isNear ? shared.buildNearCache() : shared.build())
                    .singleFlight(shared.buildSingleFlight())
                    .build()) {
                service.get("org-1", MARCH);
                service.invalidate("org-1", MARCH); // and with it the script itself is sent
                service.get("org-1", MARCH);
                long before = Redis.calls(client, "evalsha");

                service.invalidate("org-1", MARCH);

                assertThat(Redis.calls(client, "evalsha") - before).isEqualTo(1);
                service.get("org-1", MARCH);
                long whole = Redis.calls(client, "evalsha");
                service.invalidate("org-1");
                assertThat(Redis.calls(client, "evalsha") - whole)
                        .as("the list of periods, and one period")
                        .isBetween(2L, 3L);
            }
        }
    }

    @Test
    void servesStaleHitAtOnceAndRefreshesOnce() {
        CountDownLatch mayRefresh = new CountDownLatch(1);
        try (UsageService service = UsageService.builder((key, timeout) -> {
                    if (calculator.computations() > 0) {
                        await(mayRefresh);
                    }
                    return calculator.calculate(key, timeout);
                })
                .cache(Redis.patient(client))
                .listener(events)
                .build()) {
            OrganisationUsage old = service.get("org-1", MARCH).usage().orElseThrow();
            Redis.elapse(client, Duration.ofMinutes(2));
            clock.advance(Duration.ofMinutes(2));

            List<UsageResult> answers = inParallel(16, () -> service.get("org-1", MARCH), () -> {});

            assertThat(calculator.computations())
                    .as("answered before the refresh completed")
                    .isEqualTo(1);
            mayRefresh.countDown();

            assertThat(answers).hasSize(16).allSatisfy(answer -> {
                assertThat(answer.freshness()).isEqualTo(Freshness.STALE);
                assertThat(answer.usage()).contains(old);
                assertThat(answer.age().orElseThrow()).isBetween(Duration.ofMinutes(2), Duration.ofMinutes(3));
            });
            eventually(
                    "the refreshed figure is served",
                    () -> service.get("org-1", MARCH).freshness() == Freshness.FRESH);
            assertThat(service.get("org-1", MARCH).usage()).contains(truth(1));
        }
        assertThat(calculator.computations()).isEqualTo(2);
        assertThat(Redis.calls(client, "set")).isEqualTo(2);
    }

    @Test
    void servesFigureComputedByAnotherProcess() {
        InMemoryUsageCalculator others = facts(InMemoryUsageCalculator.create(clock));
        RedisClient othersClient = RedisClient.create(server.url());
        try (UsageService service = service();
                UsageService other = UsageService.builder(others)
                        .cache(Redis.patient(othersClient))
                        .build()) {
            UsageResult computed = service.get("org-1", MARCH);

            UsageResult served = other.get("org-1", MARCH);

            assertThat(served.usage()).isEqualTo(computed.usage());
            assertThat(others.computations()).isZero();

            other.get("org-2", MARCH);
            assertThat(service.get("org-2", MARCH).usage()).contains(truth(2));
            assertThat(calculator.computations()).isEqualTo(1);
        } finally {
            othersClient.shutdown();
        }
    }

    @Test
    void answersCorrectlyInTimeWhileRedisRestarts() {
        assertEveryAnswerIsRightAndInTime(() -> {
            server.kill();
            return server::restart;
        });
    }

    @Test
    void answersCorrectlyInTimeWhileRedisHangs() {
        assertEveryAnswerIsRightAndInTime(() -> {
            StoppedServer stopped = StoppedServer.of(client);
            return stopped::resume;
        });
    }

    @Test
    void answersCorrectlyInTimeWhileRedisIsFull() {
        assertEveryAnswerIsRightAndInTime(() -> {
            Redis.with(client, redis -> {
                redis.configSet("maxmemory", "1");
                redis.flushall();
            });
            return () -> Redis.with(client, redis -> redis.configSet("maxmemory", "0"));
        });
    }

    /** Outage: the call starts it and returns the action that ends it. */
    private interface Outage {
        Runnable begin();
    }

    private void assertEveryAnswerIsRightAndInTime(Outage outage) {
        long seed = new Random().nextLong();
        System.out.println("UsageServiceOverRedisIT seed " + seed);
        Polling polling = new Polling();
        try (UsageService service = UsageService.builder(calculator)
                .cache(RedisUsage.builder(client)
                        .commandTimeout(COMMAND_TIMEOUT)
                        .connectTimeout(Duration.ofSeconds(20))
                        .build())
                .listener(events)
                .build()) {
            List<Thread> callers = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                Random random = new Random(seed + i);
                callers.add(new Thread(() -> polling.run(service, random), "caller-" + i));
            }
            callers.forEach(Thread::start);
            try {
                eventually("hits", () -> events.hits.get() > 200);
                Runnable end = outage.begin();
                long computed = calculator.computations();
                try {
                    eventually("computations during the outage", () -> calculator.computations() > computed + 500);
                } finally {
                    end.run();
                }
                long hits = events.hits.get();
                eventually("hits again", () -> events.hits.get() > hits + 500);
            } finally {
                polling.stopped = true;
                callers.forEach(caller -> eventually("the callers have ended", () -> !caller.isAlive()));
            }

            long computed = calculator.computations();
            for (int i = 0; i < ORGANISATIONS; i++) {
                assertThat(service.get("org-" + i, MARCH).usage()).contains(truth(i));
            }
            assertThat(calculator.computations())
                    .as("seed %d: hits again", seed)
                    .isEqualTo(computed);
        }
        assertThat(polling.failures).as("seed %d", seed).isEmpty();
        assertThat(Duration.ofNanos(polling.slowest.get()))
                .as("seed %d: the slowest call", seed)
                .isLessThan(COMMAND_TIMEOUT.multipliedBy(2).plus(SLACK));
        assertThat(log.lines("WARN")).as("one outage").hasSize(1);
        assertThat(log.lines("INFO")).hasSize(1);
    }

    /** Callers that request figures continuously and check each answer. */
    private final class Polling {
        private final AtomicLong slowest = new AtomicLong();
        private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
        private volatile boolean stopped;

        void run(UsageService service, Random random) {
            while (!stopped) {
                int organisation = random.nextInt(ORGANISATIONS);
                long began = System.nanoTime();
                try {
                    assertThat(service.get("org-" + organisation, MARCH).usage())
                            .contains(truth(organisation));
                } catch (Throwable e) {
                    failures.add(e);
                }
                slowest.accumulateAndGet(System.nanoTime() - began, Math::max);
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
            }
        }
    }

    private UsageService service() {
        return UsageService.builder(calculator)
                .cache(Redis.patient(client))
                .listener(events)
                .build();
    }

    /** Expected figure, computed by another calculator. */
    private OrganisationUsage truth(int organisation) {
        return facts(InMemoryUsageCalculator.create(clock))
                .calculate(new UsageKey("org-" + organisation, MARCH), SLACK);
    }

    private static InMemoryUsageCalculator facts(InMemoryUsageCalculator calculator) {
        for (int i = 0; i < ORGANISATIONS; i++) {
            for (int n = 0; n <= i; n++) {
                calculator.received("org-" + i, MARCH.start().plusSeconds(n), 1_000 + i);
                calculator.sent("org-" + i, MARCH.end().minusSeconds(n + 1), 10 + i);
            }
        }
        return calculator;
    }

    /** Returns the results of this many concurrent callers. */
    private static <T> List<T> inParallel(int callers, Callable<T> call, Runnable meantime) {
        ExecutorService threads = Executors.newFixedThreadPool(callers);
        try {
            List<Future<T>> calls = new ArrayList<>();
            for (int i = 0; i < callers; i++) {
                calls.add(threads.submit(call));
            }
            meantime.run();
            List<T> answers = new ArrayList<>();
            for (Future<T> each : calls) {
                answers.add(each.get(20, TimeUnit.SECONDS));
            }
            return answers;
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new AssertionError("a call didn't complete: " + e, e);
        } finally {
            threads.shutdownNow();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static final class Events implements UsageListener {
        private final AtomicLong hits = new AtomicLong();
        private final AtomicLong misses = new AtomicLong();

        @Override
        public void hit(UsageKey key, UsageListener.Tier tier, Duration age) {
            hits.incrementAndGet();
        }

        @Override
        public void miss(UsageKey key) {
            misses.incrementAndGet();
        }
    }
}
