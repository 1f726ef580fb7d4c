package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.internal.flight.Causes;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The host's cache with failures as values; it never returns a figure past its grace. */
final class GuardedCache {

    private static final Logger LOG = LoggerFactory.getLogger(UsageCache.class);
    private static final String THREW_IN_MEMORY =
            "a usage cache threw on a look into its memory; calls go on without that until one doesn't";
    private static final Duration SHORTEST = Duration.ofMillis(1);

    private final UsageCache cache;
    private final Limits limits;
    private final MissingFigures missing;
    /** Whether the last look into memory threw, which is logged once for all in a row. */
    private final AtomicBoolean memoryThrew = new AtomicBoolean();

    GuardedCache(UsageCache cache, Limits limits, LongSupplier ticker) {
        this.cache = cache;
        this.limits = limits;
        this.missing = new MissingFigures(ticker);
    }

    /** The host's cache itself. */
    UsageCache port() {
        return cache;
    }

    void observe(UsageListener listener) {
        cache.observe(listener);
    }

    /** Returns the servable figure of the near cache. */
    Optional<AgedUsage> near(UsageKey key) {
        Optional<AgedUsage> found = fromMemory(key, cache::near);
        return found.isPresent() && !limits.isServable(found.get()) ? Optional.empty() : found;
    }

    /** Passes the figure of the near cache to a function; null if there is none, or the function returns null. */
    <T> @Nullable T readNear(UsageKey key, UsageCache.NearReader<T> reader) {
        try {
            T read = cache.readNear(key, reader);
            looked();
            return read;
        } catch (RuntimeException e) {
            threw(e);
            return null;
        }
    }

    /** Returns the fallback copy. */
    Optional<AgedUsage> fallback(UsageKey key) {
        return fromMemory(key, cache::fallback).filter(limits::isAlive);
    }

    private Optional<AgedUsage> fromMemory(UsageKey key, Function<UsageKey, Optional<AgedUsage>> memory) {
        try {
            Optional<AgedUsage> found = memory.apply(key);
            looked();
            return found;
        } catch (RuntimeException e) {
            threw(e);
            return Optional.empty();
        }
    }

    private void looked() {
        if (memoryThrew.get()) {
            memoryThrew.set(false);
        }
    }

    private void threw(RuntimeException e) {
        if (memoryThrew.compareAndSet(false, true)) {
            LOG.warn(THREW_IN_MEMORY, e);
        }
    }

    /** Whether a caller has found nothing just now, and waits for its load: another one needn't read. */
    boolean isMissing(UsageKey key) {
        return missing.contains(key);
    }

    /** A read has found nothing, and a caller waits for this answer. */
    void missing(UsageKey key, CompletableFuture<?> answer) {
        missing.add(key, answer);
    }

    /** Never completes exceptionally. */
    CompletableFuture<Lookup> read(UsageKey key) {
        try {
            // Another process may write with a longer limit than ours.
            return lookup(cache.get(key));
        } catch (RuntimeException e) {
            return CompletableFuture.completedFuture(Lookup.failed(e));
        }
    }

    private CompletableFuture<Lookup> lookup(CompletionStage<Optional<AgedUsage>> reading) {
        return reading.handle((found, error) -> error == null ? lookup(found) : Lookup.failed(Causes.unwrap(error)))
                .toCompletableFuture();
    }

    /** Doesn't throw, also where a cache's stage completes with null. */
    private Lookup lookup(Optional<AgedUsage> found) {
        try {
            return Lookup.of(found.filter(limits::isAlive));
        } catch (RuntimeException e) {
            return Lookup.failed(e);
        }
    }

    /** Reads several figures, each as {@link #read} does; those that the cache leaves out are read one by one. */
    Map<UsageKey, CompletableFuture<Lookup>> readAll(Collection<UsageKey> keys) {
        Map<UsageKey, CompletionStage<Optional<AgedUsage>>> found;
        try {
            found = keys.isEmpty() ? Map.of() : cache.getAll(keys);
        } catch (RuntimeException e) {
            found = Map.of();
            LOG.warn("a usage cache threw on a read of {} figures; they are read one by one", keys.size(), e);
        }
        Map<UsageKey, CompletableFuture<Lookup>> lookups = new LinkedHashMap<>();
        for (UsageKey key : keys) {
            CompletionStage<Optional<AgedUsage>> stage = found.get(key);
            lookups.put(key, stage == null ? read(key) : lookup(stage));
        }
        return lookups;
    }

    /** How old a figure may grow before it is removed: its grace included. */
    Duration life() {
        return limits.life();
    }

    private Duration timeToLive(AgedUsage figure) {
        return limits.life().minus(figure.age());
    }

    /** Writes a figure for the rest of its life; one that has outlived it isn't written. */
    CompletionStage<Void> write(UsageKey key, AgedUsage figure) {
        Duration timeToLive = timeToLive(figure);
        if (timeToLive.compareTo(SHORTEST) < 0) {
            return CompletableFuture.completedFuture(null);
        }
        try {
            return cache.put(key, figure, timeToLive);
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    void putFallback(UsageKey key, AgedUsage figure) {
        Duration timeToLive = timeToLive(figure);
        if (timeToLive.compareTo(SHORTEST) >= 0) {
            try {
                cache.putFallback(key, figure, timeToLive);
            } catch (RuntimeException e) {
                LOG.warn("a usage cache threw on keeping a fallback copy; the call goes on without that", e);
            }
        }
    }

    /** Fails as the cache does. */
    CompletionStage<Void> invalidate(UsageKey key) {
        return cache.invalidate(key);
    }

    /** Fails as the cache does. */
    CompletionStage<Void> invalidate(String organisationId) {
        return cache.invalidate(organisationId);
    }

    /** Returns what the cache knows about itself; nothing if it throws. */
    UsageCache.Stats stats() {
        try {
            return cache.stats();
        } catch (RuntimeException e) {
            LOG.warn("a usage cache threw in stats(); its state is reported as unknown", e);
            return UsageCache.Stats.UNKNOWN;
        }
    }

    void close() {
        cache.close();
    }

    /**
     * Keys of which a read has found nothing within {@value #MILLIS} ms, while the caller waits for the load that followed. Without them a
     * burst of calls for one missing figure would read it over and over. Callers that don't read join that load, or start another one, which
     * looks for the figure itself. What is stored meanwhile is found after that time even if nothing wakes the load. Thread-safe.
     */
    static final class MissingFigures {

        /** As long as a load waits for a wake-up by another process before it looks for itself, by default. */
        static final long MILLIS = 100;

        private record Wait(CompletableFuture<?> answer, long since) {}

        private final ConcurrentHashMap<UsageKey, Wait> waits = new ConcurrentHashMap<>();
        private final LongSupplier ticker;

        MissingFigures(LongSupplier ticker) {
            this.ticker = ticker;
        }

        boolean contains(UsageKey key) {
            Wait wait = waits.get(key);
            return wait != null
                    && !wait.answer().isDone()
                    && ticker.getAsLong() - wait.since() < TimeUnit.MILLISECONDS.toNanos(MILLIS);
        }

        void add(UsageKey key, CompletableFuture<?> answer) {
            if (!answer.isDone()) {
                Wait wait = new Wait(answer, ticker.getAsLong());
                waits.put(key, wait);
                var unused = answer.whenComplete((result, error) -> waits.remove(key, wait));
            }
        }
    }

    /**
     * Keys whose figures couldn't be stored in a cache that can be read, as in one that is full or read-only. Until a write of any key
     * succeeds, their fallback copies are served as in an outage, and one call in each interval tries again. Thread-safe; holds at most
     * {@value #MOST} keys, and no others while it is full.
     */
    static final class WriteOutage {

        private static final int MOST = 10_000;

        private final ConcurrentHashMap<UsageKey, Throwable> unstored = new ConcurrentHashMap<>();
        private final AtomicLong nextAttempt = new AtomicLong();
        private final Duration interval;
        private final LongSupplier ticker;

        WriteOutage(Duration interval, LongSupplier ticker) {
            this.interval = interval;
            this.ticker = ticker;
        }

        /** Notes that a figure couldn't be stored. */
        void failed(UsageKey key, Throwable error) {
            if (unstored.isEmpty()) {
                nextAttempt.set(ticker.getAsLong() + interval.toNanos());
            }
            if (unstored.size() < MOST) {
                unstored.put(key, error);
            }
        }

        /** Notes that a figure was stored: the outage is over, for all keys. */
        void succeeded() {
            if (!unstored.isEmpty()) {
                unstored.clear();
            }
        }

        /** Returns why the figure of this key couldn't be stored; empty if the outage is over, or there was none. */
        Optional<Throwable> of(UsageKey key) {
            return unstored.isEmpty() ? Optional.empty() : Optional.ofNullable(unstored.get(key));
        }

        /** Returns true to one caller in each interval, which computes and tries to store again. */
        boolean isAttemptDue() {
            long due = nextAttempt.get();
            long now = ticker.getAsLong();
            return now - due >= 0 && nextAttempt.compareAndSet(due, now + interval.toNanos());
        }
    }
}
