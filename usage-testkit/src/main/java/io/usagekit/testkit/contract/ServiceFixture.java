package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.usagekit.AgedUsage;
import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/** Fixture of one case: services over one backend, each as one process has it, and three distinguishable figures. */
final class ServiceFixture implements AutoCloseable {

    static final String ORG = "org-123";
    static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    static final UsageKey KEY = new UsageKey(ORG, MARCH);

    static final Duration FRESH = Duration.ofSeconds(10);
    static final Duration SOFT_EXPIRED = Duration.ofMinutes(3);
    static final Duration IN_GRACE = Duration.ofMinutes(20);
    static final Duration PAST_GRACE = Duration.ofHours(2);

    private static final Duration SOFT = Duration.ofMinutes(1);
    private static final Duration HARD = Duration.ofMinutes(10);
    private static final Duration GRACE = Duration.ofHours(1);
    private static final Duration BACK_OFF = Duration.ofSeconds(2);
    private static final long PATIENCE_SECONDS = 30;

    private static final UsageMetrics OLD = new UsageMetrics(7, 70);
    private static final UsageMetrics NEW = new UsageMetrics(2, 30);
    private static final UsageMetrics CHANGED = new UsageMetrics(3, 60);

    private final UsageServiceContract.Backend backend;
    private final Duration patience;
    private final BlockedComputations calculator;
    private final UsageCache writer;
    private final Map<UsageService, UsageCache> caches = new ConcurrentHashMap<>();
    private final Map<String, Integer> events = new ConcurrentHashMap<>();
    private final ExecutorService callers = Executors.newCachedThreadPool();
    private int busy;

    ServiceFixture(UsageServiceContract.Backend backend, Duration patience) {
        this.backend = backend;
        this.patience = patience;
        this.calculator = new BlockedComputations(backend.calculator());
        this.writer = backend.openCache();
        backend.received(ORG, MARCH.start(), 10);
        backend.received(ORG, MARCH.start().plusSeconds(1), 20);
    }

    UsageServiceContract.Backend backend() {
        return backend;
    }

    BlockedComputations calculator() {
        return calculator;
    }

    UsageServiceBuilder builder() {
        return backend.builder(calculator)
                .refreshAfter(SOFT)
                .ttl(HARD)
                .staleIfError(GRACE)
                .errorBackOff(BACK_OFF)
                .listener(counting());
    }

    private UsageListener counting() {
        return (UsageListener) Proxy.newProxyInstance(
                UsageListener.class.getClassLoader(), new Class<?>[] {UsageListener.class}, (proxy, method, args) -> {
                    events.merge(method.getName(), 1, Integer::sum);
                    return null;
                });
    }

    UsageService open() {
        return open(builder());
    }

    /** Opens a service with its own cache and single-flight. */
    UsageService open(UsageServiceBuilder builder) {
        UsageCache cache = backend.openCache();
        UsageService service =
                builder.cache(cache).singleFlight(backend.openSingleFlight()).build();
        caches.put(service, cache);
        return service;
    }

    /** Puts the old figure into the cache at this age, as another process does. */
    void putOld(Duration age) {
        putOld(age, Instant.parse("2026-03-17T01:28:00Z"));
    }

    /** Puts the old figure into the cache at this age, computed at this time. */
    void putOld(Duration age, Instant at) {
        AgedUsage figure = new AgedUsage(new OrganisationUsage(KEY, OLD, OLD, at), age);
        Duration left = HARD.plus(GRACE).minus(age);
        resultOf(writer.put(KEY, figure, left.isNegative() ? GRACE : left));
    }

    /** Puts the old figure and reads it through this service's cache. */
    void putOldAndRead(UsageService service, Duration age) {
        putOld(age);
        assertTrue(
                resultOf(Objects.requireNonNull(caches.get(service)).get(KEY)).isPresent(),
                "the cache returns the figure");
    }

    /** Adds an event to the source. */
    void change() {
        backend.received(ORG, MARCH.start().plusSeconds(2), 30);
    }

    /** Takes the service's only permit by a blocked computation for another organisation. */
    void takeAllPermits(UsageService service) throws InterruptedException {
        calculator.block();
        service.getAsync("org-busy-" + busy++, MARCH);
        calculator.awaitStarted(1);
    }

    void elapse(Duration duration) {
        backend.elapse(duration);
    }

    int events(String name) {
        return events.getOrDefault(name, 0);
    }

    void awaitEvent(String name) {
        eventually("event " + name, () -> events(name) > 0);
    }

    <T> Future<T> call(Callable<T> call) {
        return callers.submit(call);
    }

    /** Makes the same call on many threads at once. */
    <T> List<Future<T>> callTogether(int times, Callable<T> call) {
        CyclicBarrier together = new CyclicBarrier(times);
        List<Future<T>> futures = new ArrayList<>();
        for (int i = 0; i < times; i++) {
            futures.add(callers.submit(() -> {
                together.await();
                return call.call();
            }));
        }
        return futures;
    }

    /** Waits for a condition that other threads or a server fulfil. */
    void eventually(String what, Callable<Boolean> condition) {
        long deadline = System.nanoTime() + patience.toNanos();
        try {
            while (!condition.call()) {
                assertTrue(
                        System.nanoTime() < deadline,
                        () -> "not within " + patience + ": " + what + "; events " + events + ", "
                                + calculator.started() + " computations");
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
            }
        } catch (Exception e) {
            throw new AssertionError("while waiting until " + what + ": " + e, e);
        }
    }

    boolean isOld(Freshness freshness, UsageResult result) {
        return is(freshness, OLD, result);
    }

    boolean isNew(Freshness freshness, UsageResult result) {
        return is(freshness, NEW, result);
    }

    private static boolean is(Freshness freshness, UsageMetrics received, UsageResult result) {
        return result.freshness() == freshness
                && result.usage()
                        .map(OrganisationUsage::received)
                        .filter(received::equals)
                        .isPresent();
    }

    void assertOld(Freshness freshness, UsageResult result) {
        assertFigure("the old figure", freshness, OLD, result);
    }

    void assertNew(Freshness freshness, UsageResult result) {
        assertFigure("the figure of the source", freshness, NEW, result);
    }

    void assertChanged(Freshness freshness, UsageResult result) {
        assertFigure("the figure of the source after it changed", freshness, CHANGED, result);
    }

    private void assertFigure(String what, Freshness freshness, UsageMetrics received, UsageResult result) {
        assertTrue(
                is(freshness, received, result),
                () -> "expected " + what + ", " + freshness + " with " + received + " received, but got " + result
                        + "; events " + events);
    }

    /** Asserts the number of computations of all services. */
    void assertComputations(int expected) {
        assertEquals(expected, calculator.started(), () -> "computations; events " + events);
    }

    /** Asserts that concurrent callers of a failing load, and a call during the back-off, share one error. */
    void assertOneErrorForAll(UsageService service) throws Exception {
        calculator.block();
        calculator.fail();
        int joined = events("coalesced");
        List<Future<UsageResult>> callers = callTogether(16, () -> service.get(ORG, MARCH));
        calculator.awaitStarted(1);
        eventually("all others have joined", () -> events("coalesced") == joined + 15);
        calculator.release();
        Throwable error = failureOf(callers.get(0));
        assertInstanceOf(UsageCalculationException.class, error);
        for (Future<UsageResult> caller : callers) {
            assertEquals(error, failureOf(caller), "error of the followers");
        }
        assertEquals(
                error, assertThrows(UsageException.class, () -> service.get(ORG, MARCH)), "error during the back-off");
        assertComputations(1);
        calculator.recover();
        eventually("a call after the back-off computes again", () -> {
            try {
                return isNew(Freshness.FRESH, service.get(ORG, MARCH));
            } catch (UsageCalculationException e) {
                elapse(Duration.ofMillis(100));
                return false;
            }
        });
        assertComputations(2);
    }

    /** Asserts that callers receive the error that no retry cures instead of an old figure, of one computation. */
    void assertPermanentErrorsOnly(UsageService service) {
        for (int i = 0; i < 10; i++) {
            UsageException error = assertThrows(
                    UsageCalculationException.class, () -> service.get(ORG, MARCH), () -> "events " + events);
            assertFalse(error.isTransient(), () -> "transient: " + error);
        }
        assertComputations(1);
    }

    static void assertPending(UsageResult result) {
        assertEquals(Freshness.PENDING, result.freshness());
        assertTrue(result.usage().isEmpty(), "a pending result has no figure");
    }

    static <T> T resultOf(CompletionStage<T> stage) {
        return resultOf((Future<T>) stage.toCompletableFuture());
    }

    static <T> T resultOf(Future<T> future) {
        try {
            return future.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new AssertionError("no result: " + e, e);
        }
    }

    static Throwable failureOf(CompletionStage<?> stage) {
        return failureOf((Future<?>) stage.toCompletableFuture());
    }

    static Throwable failureOf(Future<?> future) {
        try {
            return fail("expected a failure, but the result was " + future.get(PATIENCE_SECONDS, TimeUnit.SECONDS));
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            return cause == null ? e : cause;
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError("not completed: " + e, e);
        }
    }

    @Override
    public void close() {
        calculator.release();
        caches.keySet().forEach(UsageService::close);
        writer.close();
        callers.shutdownNow();
        backend.close();
    }
}
