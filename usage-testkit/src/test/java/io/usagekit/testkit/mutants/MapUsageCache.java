package io.usagekit.testkit.mutants;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/** A host's cache: a map whose entries expire, and are removed by each put. As right as the map is safe for many threads. */
class MapUsageCache implements UsageCache {

    record Entry(AgedUsage figure, long at, long expiresAt) {}

    final Map<Object, Entry> entries;
    private final LongSupplier ticker;
    private volatile boolean closed;

    MapUsageCache(Map<Object, Entry> entries, LongSupplier ticker) {
        this.entries = entries;
        this.ticker = ticker;
    }

    /** Returns what stands for this key in the map. */
    Object mapKey(UsageKey key) {
        return key;
    }

    /** Returns whether an entry has expired. */
    boolean isExpired(Entry entry, long now) {
        return entry.expiresAt() - now <= 0;
    }

    /** Returns the age of an entry. */
    Duration age(Entry entry, long now) {
        return entry.figure().age().plusNanos(now - entry.at());
    }

    /** Removes what has expired, at each put. */
    void evict(long now) {
        entries.values().removeIf(entry -> isExpired(entry, now));
    }

    /** Stores an entry. */
    void store(Object key, Entry entry) {
        entries.put(key, entry);
    }

    /** Checks the arguments of a put. */
    void check(UsageKey key, AgedUsage entry, Duration timeToLive) {
        UsageCache.checkPut(key, entry, timeToLive);
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        if (closed) {
            return closed();
        }
        long now = ticker.getAsLong();
        return CompletableFuture.completedFuture(Optional.ofNullable(entries.get(mapKey(key)))
                .filter(entry -> !isExpired(entry, now))
                .map(entry -> new AgedUsage(labelled(key, entry.figure().usage()), age(entry, now))));
    }

    OrganisationUsage labelled(UsageKey key, OrganisationUsage usage) {
        return new OrganisationUsage(key, usage.received(), usage.sent(), usage.createdAt(), usage.unmeasured());
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        check(key, entry, timeToLive);
        if (closed) {
            return closed();
        }
        long now = ticker.getAsLong();
        evict(now);
        store(mapKey(key), new Entry(entry, now, now + timeToLive.toNanos()));
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return remove(key::equals);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return remove(key -> key.organisationId().equals(organisationId));
    }

    private CompletionStage<Void> remove(Predicate<UsageKey> which) {
        if (closed) {
            return closed();
        }
        entries.values().removeIf(entry -> which.test(entry.figure().usage().key()));
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public void close() {
        closed = true;
        entries.clear();
    }

    private static <T> CompletionStage<T> closed() {
        return CompletableFuture.failedFuture(new UsageCacheException("the cache is closed", null));
    }
}
