package io.usagekit.examples;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.LongSupplier;

/**
 * How long it takes.
 *
 * @param result the answer
 * @param cold with nothing cached: PostgreSQL computes, Redis keeps
 * @param hit out of Redis, the median of {@value #HITS}
 * @param burst until the last of {@value #CALLERS} callers, who come all at once with nothing cached, has the answer
 * @param burstQueries how many queries ran for them
 */
record DemoMeasurement(UsageResult result, Duration cold, Duration hit, Duration burst, long burstQueries) {

    static final int HITS = 201;
    static final int CALLERS = 64;

    /** Takes the times of one figure. */
    static DemoMeasurement of(UsageService usage, UsageCache cache, UsageKey key, LongSupplier queries)
            throws InterruptedException {
        forget(cache, key);
        long began = System.nanoTime();
        UsageResult result = usage.get(key.organisationId(), key.period());
        Duration cold = Duration.ofNanos(System.nanoTime() - began);
        Duration hit = hit(usage, key);
        forget(cache, key);
        long before = queries.getAsLong();
        Duration burst = burst(usage, key);
        return new DemoMeasurement(result, cold, hit, burst, queries.getAsLong() - before);
    }

    /** A cache can't be told to forget, but to keep for a millisecond. */
    private static void forget(UsageCache cache, UsageKey key) {
        Optional<AgedUsage> kept = kept(cache, key);
        if (kept.isPresent()) {
            cache.put(key, kept.get(), Duration.ofMillis(1))
                    .toCompletableFuture()
                    .join();
            while (kept(cache, key).isPresent()) {
                Thread.onSpinWait();
            }
        }
    }

    private static Optional<AgedUsage> kept(UsageCache cache, UsageKey key) {
        return cache.get(key).toCompletableFuture().join();
    }

    private static Duration hit(UsageService usage, UsageKey key) {
        List<Duration> times = new ArrayList<>();
        for (int i = 0; i < HITS; i++) {
            long began = System.nanoTime();
            usage.get(key.organisationId(), key.period());
            times.add(Duration.ofNanos(System.nanoTime() - began));
        }
        return times.stream().sorted().toList().get(HITS / 2);
    }

    private static Duration burst(UsageService usage, UsageKey key) throws InterruptedException {
        ExecutorService callers = Executors.newFixedThreadPool(CALLERS);
        CountDownLatch ready = new CountDownLatch(CALLERS);
        CountDownLatch go = new CountDownLatch(1);
        try {
            List<Future<UsageResult>> answers = new ArrayList<>();
            for (int i = 0; i < CALLERS; i++) {
                answers.add(callers.submit(() -> {
                    ready.countDown();
                    go.await();
                    return usage.get(key.organisationId(), key.period());
                }));
            }
            ready.await();
            long began = System.nanoTime();
            go.countDown();
            for (Future<UsageResult> answer : answers) {
                answer.get();
            }
            return Duration.ofNanos(System.nanoTime() - began);
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        } finally {
            callers.shutdown();
        }
    }
}
