package io.usagekit.testkit.mutants;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.testkit.InMemoryFlightStore;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import io.usagekit.testkit.contract.UsageServiceContract;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongSupplier;

/** Right adapters in memory, with fallback copies and fleet-wide single-flight; mutants override one of them. */
class ServiceBackend implements UsageServiceContract.Backend {

    private final ManualClock clock = ManualClock.at("2026-03-17T01:28:00Z");
    private final InMemoryUsageCache cache = InMemoryUsageCache.create(clock);
    private final InMemoryUsageCalculator database = InMemoryUsageCalculator.create(clock);
    private final List<InMemoryFlightStore> stores = new CopyOnWriteArrayList<>();

    /** Cache that remembers what it has read, and what couldn't be put, as fallback copies. */
    static class RememberingCache extends ForwardingUsageCache {

        private record Seen(AgedUsage figure, long at, long until) {}

        private final Map<UsageKey, Seen> seen = new ConcurrentHashMap<>();
        private final LongSupplier ticker;

        RememberingCache(UsageCache right, LongSupplier ticker) {
            super(right);
            this.ticker = ticker;
        }

        @Override
        public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
            return right.get(key).thenApply(found -> {
                found.ifPresent(figure -> remember(key, figure, Duration.ofHours(1)));
                return found;
            });
        }

        @Override
        public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
            return right.put(key, entry, timeToLive).exceptionallyCompose(error -> {
                putFallback(key, entry, timeToLive);
                return CompletableFuture.failedFuture(error);
            });
        }

        final void remember(UsageKey key, AgedUsage figure, Duration timeToLive) {
            long now = ticker.getAsLong();
            seen.put(key, new Seen(figure, now, now + timeToLive.toNanos()));
        }

        @Override
        public void putFallback(UsageKey key, AgedUsage entry, Duration timeToLive) {
            remember(key, entry, timeToLive);
        }

        @Override
        public Optional<AgedUsage> fallback(UsageKey key) {
            long now = ticker.getAsLong();
            return Optional.ofNullable(seen.get(key))
                    .filter(kept -> kept.until() - now > 0)
                    .map(kept -> new AgedUsage(
                            kept.figure().usage(), kept.figure().age().plusNanos(now - kept.at())));
        }

        @Override
        public CompletionStage<Void> invalidate(UsageKey key) {
            seen.remove(key);
            return right.invalidate(key);
        }

        @Override
        public CompletionStage<Void> invalidate(String organisationId) {
            seen.keySet().removeIf(key -> key.organisationId().equals(organisationId));
            return right.invalidate(organisationId);
        }
    }

    /** Returns what each process has in front of the shared cache. */
    UsageCache cache(UsageCache shared, LongSupplier ticker) {
        return new RememberingCache(shared, ticker);
    }

    /** Returns the store of single-flight of one process. */
    FlightStore store(FlightStore right) {
        return right;
    }

    final UsageCache shared() {
        return cache;
    }

    @Override
    public UsageServiceBuilder builder(UsageCalculator calculator) {
        return UsageService.builder(calculator).clock(clock).ticker(clock.ticker());
    }

    @Override
    public void elapse(Duration duration) {
        clock.advance(duration);
    }

    @Override
    public UsageCalculator calculator() {
        return database;
    }

    @Override
    public void received(String organisationId, Instant at, int bytes) {
        database.received(organisationId, at, bytes);
    }

    @Override
    public UsageCache openCache() {
        return cache(InMemoryUsageCache.over(cache), clock.ticker());
    }

    @Override
    public SingleFlight openSingleFlight() {
        InMemoryFlightStore store = InMemoryFlightStore.over(cache);
        stores.add(store);
        return SingleFlights.fleetWide(store(store));
    }

    @Override
    public void disconnectCache() {
        cache.goDown();
        stores.forEach(InMemoryFlightStore::goDown);
    }

    @Override
    public void expireLeases() {
        clock.advance(SingleFlights.DEFAULT_LEASE.plusMillis(1));
    }

    @Override
    public void corruptEntry(UsageKey key) {
        // What this cache can't read it doesn't have.
    }

    @Override
    public boolean holdsEntry(UsageKey key) {
        return cache.get(key).toCompletableFuture().join().isPresent();
    }

    @Override
    public void close() {}
}
