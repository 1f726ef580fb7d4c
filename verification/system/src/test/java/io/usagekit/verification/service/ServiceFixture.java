package io.usagekit.verification.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A service over in-memory parts whose threads a test can hold up, and whose doings it can see. */
final class ServiceFixture implements AutoCloseable {

    static final String ORG = "org-123";
    static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    static final UsageKey KEY = new UsageKey(ORG, MARCH);
    static final Instant START = Instant.parse("2026-03-17T01:28:00.123456Z");

    /** Far more than anything here takes; only a test that fails waits for it. */
    private static final long LIMIT_SECONDS = 30;

    final ManualClock clock = ManualClock.at(START);
    final InMemoryUsageCache cache = InMemoryUsageCache.create(clock);
    final InMemoryUsageCalculator database = InMemoryUsageCalculator.create(clock)
            .received(ORG, Instant.parse("2026-03-02T10:00:00Z"), 1_024)
            .sent(ORG, Instant.parse("2026-03-02T10:00:01Z"), 512);
    final HeldCalculator calculator = new HeldCalculator(database);
    final RecordingListener events = new RecordingListener();

    private final ExecutorService callers = Executors.newCachedThreadPool();
    private final List<UsageService> services = new ArrayList<>();

    /** All parts but the executor, which is the service's own. No jitter, grace or back-off: those who test them ask for them. */
    UsageServiceBuilder builder() {
        return withoutCache().cache(InMemoryUsageCache.over(cache));
    }

    UsageServiceBuilder withoutCache() {
        return UsageService.builder(calculator)
                .listener(events)
                .refreshJitterPercent(0)
                .staleIfError(Duration.ZERO)
                .errorBackOff(Duration.ZERO)
                .clock(clock)
                .ticker(clock.ticker());
    }

    /** Builds a service that is closed with this fixture. */
    UsageService open(UsageServiceBuilder builder) {
        UsageService service = builder.build();
        services.add(service);
        return service;
    }

    UsageService open() {
        return open(builder());
    }

    /** The figure that this fixture's database holds at first. */
    static void assertFigure(UsageResult result) {
        assertThat(result.usage().map(OrganisationUsage::received)).contains(new UsageMetrics(1, 1_024));
        assertThat(result.usage().map(OrganisationUsage::sent)).contains(new UsageMetrics(1, 512));
    }

    /** An entry that is this old already and stays for an hour, as another process may have written it. */
    void keep(Duration age) {
        keep(KEY, age);
    }

    void keep(UsageKey key, Duration age) {
        OrganisationUsage usage = new OrganisationUsage(
                key,
                new UsageMetrics(1, 1_024),
                new UsageMetrics(1, 512),
                clock.instant().minus(age));
        resultOf(cache.put(key, new AgedUsage(usage, age), Duration.ofHours(1)));
    }

    /** Calls on a thread of its own. */
    <T> Future<T> call(Callable<T> call) {
        return callers.submit(call);
    }

    /** Runs a task on a thread of its own. */
    void execute(Runnable task) {
        callers.execute(task);
    }

    /** The same call on many threads at once. */
    <T> List<Future<T>> callManyTimes(int times, Callable<T> call) {
        CountDownLatch start = new CountDownLatch(1);
        List<Future<T>> futures = new ArrayList<>();
        for (int i = 0; i < times; i++) {
            futures.add(call(() -> {
                await(start);
                return call.call();
            }));
        }
        start.countDown();
        return futures;
    }

    static <T> T resultOf(CompletionStage<T> stage) {
        return done(stage.toCompletableFuture());
    }

    /** What a call came to, which it does within the limit. */
    static <T> T done(Future<T> future) {
        try {
            return future.get(LIMIT_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new AssertionError("the call failed: " + e.getCause(), e.getCause());
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError("the call didn't end: " + e, e);
        }
    }

    static Throwable failureOf(CompletionStage<?> stage) {
        return failure(stage.toCompletableFuture());
    }

    /** What a call failed with. */
    static Throwable failure(Future<?> future) {
        Throwable thrown = catchThrowable(() -> future.get(LIMIT_SECONDS, TimeUnit.SECONDS));
        assertThat(thrown).as("the outcome of the call").isInstanceOf(ExecutionException.class);
        return Objects.requireNonNull(thrown.getCause());
    }

    static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(LIMIT_SECONDS, TimeUnit.SECONDS))
                    .as("released in time")
                    .isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted while held up", e);
        }
    }

    @Override
    public void close() {
        calculator.release();
        services.forEach(UsageService::close);
        callers.shutdownNow();
    }
}
