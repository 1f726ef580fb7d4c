package io.usagekit.benchmarks;

import io.lettuce.core.RedisClient;
import io.lettuce.core.cluster.RedisClusterClient;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCache.Condition;
import io.usagekit.UsageException;
import io.usagekit.UsageListener;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.redis.RedisUsage;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/** A process whose callers request figures that nobody has requested before, one after the other, through all faults. */
final class RecoveringProcess implements AutoCloseable {

    /** Looks into Redis. */
    interface Stored {
        boolean has(String entry);
    }

    /** A call that has returned. */
    private record Call(String entry, long began, long ended) {}

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final Instant COMPUTED = Instant.parse("2026-03-17T01:28:00Z");
    private static final int CALLERS = 4;
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(2);
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(120);

    private final UsageCache cache;
    private final UsageService service;
    private final Predicate<String> served;
    private final AtomicInteger organisations = new AtomicInteger();
    private final Queue<Call> calls = new ConcurrentLinkedQueue<>();
    private final List<Thread> callers = new ArrayList<>();
    private volatile long lost;
    private volatile long restored;
    private volatile boolean closed;

    private RecoveringProcess(RedisUsage.Builder redis, UsageCache cache, Predicate<String> served) {
        this.cache = cache;
        this.served = served;
        this.service = UsageService.builder(
                        (key, timeout) -> new OrganisationUsage(key, UsageMetrics.ZERO, UsageMetrics.ZERO, COMPUTED))
                .cache(cache)
                .singleFlight(redis.buildSingleFlight())
                .listener(new UsageListener() {
                    @Override
                    public void trackingLost(String reason) {
                        lost = System.nanoTime();
                    }

                    @Override
                    public void trackingRestored() {
                        restored = System.nanoTime();
                    }
                })
                .build();
        for (int caller = 0; caller < CALLERS; caller++) {
            Thread thread = new Thread(this::call, "caller-" + caller);
            callers.add(thread);
            thread.start();
        }
    }

    static RecoveringProcess withNearCache(RedisClient client) {
        RedisUsage.Builder redis = RedisUsage.builder(client);
        return new RecoveringProcess(redis, redis.buildNearCache(), key -> true);
    }

    /** Starts one without a near cache, whose callers request figures all of whose keys are of this kind. */
    static RecoveringProcess without(RedisClusterClient client, Predicate<String> served) {
        RedisUsage.Builder redis = RedisUsage.builder(client);
        return new RecoveringProcess(redis, redis.build(), served);
    }

    private void call() {
        while (!closed) {
            String organisation = "org-" + organisations.incrementAndGet();
            String entry = "usage:" + organisation + ":2026-03";
            if (served.test(entry) && served.test("usage:index:{" + organisation + "}")) {
                long began = System.nanoTime();
                try {
                    service.get(organisation, MARCH);
                } catch (UsageException e) {
                    continue; // stored or not, nobody would know
                }
                calls.add(new Call(entry, began, System.nanoTime()));
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }

    /** Notes that a fault begins, whose consequences are to be waited for; returns that moment. */
    long beginFault() {
        lost = 0;
        restored = 0;
        return System.nanoTime();
    }

    /** Waits until calls and invalidation messages have been found to fail. */
    void awaitLost() {
        await("Redis is lost", () -> cache.stats().shared() == Condition.DOWN && lost != 0);
    }

    /** Returns the milliseconds from then to the end of the first call whose figure is stored. */
    double awaitStored(long since, Stored stored) {
        long[] ended = new long[1];
        await("a figure is stored", () -> {
            for (Call call = calls.poll(); call != null; call = calls.poll()) {
                if (call.began() >= since && stored.has(call.entry())) {
                    ended[0] = call.ended();
                    return true;
                }
            }
            return false;
        });
        return millis(ended[0] - since);
    }

    /** Returns the milliseconds from then until invalidation messages are received again. */
    double awaitNear(long since) {
        await("the near cache is back", () -> lost != 0 && restored - lost > 0);
        return millis(Math.max(0, restored - since));
    }

    private static double millis(long nanos) {
        return nanos / 1e6;
    }

    private static void await(String what, BooleanSupplier condition) {
        long began = System.nanoTime();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - began > PATIENCE_NANOS) {
                throw new IllegalStateException("not within two minutes: " + what);
            }
            LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(500));
        }
    }

    @Override
    public void close() {
        closed = true;
        callers.forEach(RecoveringProcess::join);
        service.close();
    }

    private static void join(Thread caller) {
        try {
            caller.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
