package io.usagekit.postgres.internal.cache;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** What a load does with a store, and waiting for its effects. */
final class CacheLoads {

    static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    static final Duration LEASE = Duration.ofSeconds(30);
    static final Duration TIME_TO_LIVE = Duration.ofMinutes(10);

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private CacheLoads() {}

    /** Returns the result of a stage. */
    static <T> T await(CompletionStage<T> stage) {
        try {
            return stage.toCompletableFuture().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new AssertionError("no answer: " + e, e);
        }
    }

    /** Returns the failure of a stage. */
    static Throwable failure(CompletionStage<?> stage) {
        try {
            Object answer = stage.toCompletableFuture().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            throw new AssertionError("it should have failed, but answered " + answer);
        } catch (ExecutionException e) {
            return e.getCause() == null ? e : e.getCause();
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError("no answer: " + e, e);
        }
    }

    /** Waits for a condition that another thread or process fulfils. */
    static void eventually(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadline > 0) {
                throw new AssertionError("after " + PATIENCE + " not fulfilled: " + what);
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
        }
    }

    static AgedUsage figure(UsageKey key, long volume) {
        UsageMetrics metrics = new UsageMetrics(volume, volume * 2);
        return new AgedUsage(
                new OrganisationUsage(key, metrics, metrics, Instant.parse("2026-03-17T01:28:00Z")), Duration.ZERO);
    }

    static Acquisition acquire(FlightStore store, UsageKey key, String token) {
        return await(store.acquire(key, new LeaseRequest(token, LEASE, Duration.ZERO, OptionalLong.empty())));
    }

    /** Acquires the lease; returns its fence. */
    static long acquired(FlightStore store, UsageKey key, String token) {
        if (acquire(store, key, token) instanceof Acquisition.Acquired acquired) {
            return acquired.fence();
        }
        throw new AssertionError("the lease on " + key + " isn't acquired by " + token);
    }

    static Publication publish(FlightStore store, UsageKey key, String token, long fence, long volume) {
        return await(store.publish(key, token, fence, figure(key, volume), TIME_TO_LIVE));
    }
}
