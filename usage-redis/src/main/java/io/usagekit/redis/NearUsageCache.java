package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.redis.internal.RedisErrors;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Cache in this process's memory in front of the one in Redis, kept current by Redis's invalidation messages. */
final class NearUsageCache implements UsageCache {

    private final RedisUsageCache shared;
    private final Tracking tracking;
    private final NearStore store;
    private final Duration commandTimeout;
    private final LongSupplier ticker;
    private volatile boolean closed;

    NearUsageCache(RedisUsageCache shared, Tracking tracking, NearCacheContext context) {
        this.shared = shared;
        this.tracking = tracking;
        this.store = context.store();
        this.commandTimeout = context.settings().commandTimeout();
        this.ticker = context.ticker();
    }

    @Override
    public Optional<AgedUsage> near(UsageKey key) {
        return Optional.ofNullable(readNear(key, NearEntry::figure));
    }

    @Override
    public <T> @Nullable T readNear(UsageKey key, NearReader<T> reader) {
        TrackingValidity validity = tracking.validity(key);
        if (validity == null) {
            return null;
        }
        // The validity is checked before the entry is read: a thread delayed in between finds a newer entry, or none.
        long now = ticker.getAsLong();
        if (!validity.isValid(now)) {
            return null;
        }
        NearEntry figure = store.entry(key);
        return figure != null && figure.isTrackedBy(validity) && figure.isAlive(now)
                ? reader.read(figure.usageFor(key), figure.ageNanos(now))
                : null;
    }

    @Override
    public Optional<AgedUsage> fallback(UsageKey key) {
        if (closed) {
            return Optional.empty();
        }
        NearEntry figure = store.fallback(key);
        long now = ticker.getAsLong();
        return figure != null && figure.isAlive(now) ? Optional.of(figure.as(key, now)) : Optional.empty();
    }

    @Override
    public void putFallback(UsageKey key, AgedUsage entry, Duration timeToLive) {
        if (!closed) {
            store.put(key, NearEntry.unstored(entry, ticker.getAsLong(), timeToLive));
        }
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        Optional<AgedUsage> near = near(key);
        return near.isPresent()
                ? CompletableFuture.completedFuture(near)
                : load(key).thenApply(found -> found.map(figure -> figure.as(key, ticker.getAsLong())));
    }

    @Override
    public Map<UsageKey, CompletionStage<Optional<AgedUsage>>> getAll(Collection<UsageKey> keys) {
        Map<UsageKey, CompletionStage<Optional<AgedUsage>>> figures = new LinkedHashMap<>();
        List<NearStore.Pending> loads = new ArrayList<>();
        for (UsageKey key : keys) {
            Optional<AgedUsage> near = near(key);
            if (near.isPresent()) {
                figures.put(key, CompletableFuture.completedFuture(near));
                continue;
            }
            NearStore.Pending load = new NearStore.Pending(key);
            NearStore.Pending registered = store.register(load);
            if (registered == load) {
                loads.add(load);
            }
            figures.put(
                    key,
                    registered.answer().thenApply(found -> found.map(figure -> figure.as(key, ticker.getAsLong()))));
        }
        if (tracking.isOfOneServer()) {
            readTogether(loads);
        } else {
            loads.forEach(this::start);
        }
        return figures;
    }

    private void readTogether(List<NearStore.Pending> loads) {
        if (loads.isEmpty()) {
            return;
        }
        List<UsageKey> keys = loads.stream().map(NearStore.Pending::key).toList();
        long sent = ticker.getAsLong();
        TrackingConnection connection = tracking.connection(keys.get(0));
        if (connection == null) {
            readAllUntracked(loads, keys, sent);
            return;
        }
        Map<UsageKey, CompletableFuture<Optional<CacheEntry>>> reads = connection.readAll(keys);
        // All of them end together, and fail together.
        var unused = CompletableFuture.allOf(reads.values().toArray(CompletableFuture<?>[]::new))
                .handle((done, error) -> {
                    if (error == null) {
                        loads.forEach(load -> complete(load, reads, sent, connection.validity()));
                    } else if (RedisErrors.isTimeout(RedisErrors.unwrap(error))) {
                        loads.forEach(load -> fail(load, timedOut(error)));
                    } else {
                        readAllUntracked(loads, keys, sent);
                    }
                    return null;
                });
    }

    private void readAllUntracked(List<NearStore.Pending> loads, List<UsageKey> keys, long sent) {
        Map<UsageKey, CompletableFuture<Optional<CacheEntry>>> reads = shared.readAll(keys);
        loads.forEach(load -> complete(load, reads, sent, null));
    }

    private void complete(
            NearStore.Pending load,
            Map<UsageKey, CompletableFuture<Optional<CacheEntry>>> reads,
            long sent,
            @Nullable TrackingValidity validity) {
        var unused = Objects.requireNonNull(reads.get(load.key()), "not read")
                .thenAccept(found -> complete(load, found.map(read -> NearEntry.of(read, sent, validity))))
                .exceptionally(error -> fail(load, error));
    }

    private UsageCacheException timedOut(Throwable error) {
        return new UsageCacheException(
                "Redis didn't answer a read within commandTimeout (" + commandTimeout + ")", RedisErrors.unwrap(error));
    }

    private CompletableFuture<Optional<NearEntry>> load(UsageKey key) {
        NearStore.Pending load = new NearStore.Pending(key);
        NearStore.Pending registered = store.register(load);
        if (registered == load) {
            start(load);
        }
        return registered.answer();
    }

    private void start(NearStore.Pending load) {
        var unused =
                read(load.key()).thenAccept(found -> complete(load, found)).exceptionally(error -> fail(load, error));
    }

    private CompletionStage<Optional<NearEntry>> read(UsageKey key) {
        long sent = ticker.getAsLong();
        TrackingConnection connection = tracking.connection(key);
        if (connection == null) {
            return readUntracked(key, sent);
        }
        return connection
                .read(key)
                .thenApply(found -> found.map(read -> NearEntry.of(read, sent, connection.validity())))
                .exceptionallyCompose(error -> RedisErrors.isTimeout(RedisErrors.unwrap(error))
                        ? CompletableFuture.failedFuture(timedOut(error))
                        : readUntracked(key, sent));
    }

    private CompletionStage<Optional<NearEntry>> readUntracked(UsageKey key, long sent) {
        return shared.read(key).thenApply(found -> found.map(read -> NearEntry.of(read, sent, null)));
    }

    private void complete(NearStore.Pending load, Optional<NearEntry> found) {
        found.ifPresentOrElse(
                figure -> store.complete(load, figure), () -> store.completeEmpty(load, ticker.getAsLong()));
        load.answer().complete(found);
    }

    private @Nullable Void fail(NearStore.Pending load, Throwable error) {
        store.fail(load);
        load.answer().completeExceptionally(RedisErrors.unwrap(error));
        return null;
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        return shared.put(key, entry, timeToLive).whenComplete((done, error) -> {
            if (error == null) {
                store.remove(key); // and with it a load that may have read the former figure
            } else {
                putFallback(key, entry, timeToLive);
            }
        });
    }

    /** Removes the entry before the call, so that no caller of this process gets it any more, and after it, since a load may have read it meanwhile. */
    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        store.remove(key);
        return shared.invalidate(key).whenComplete((done, error) -> store.remove(key));
    }

    /** Removes the entries before and after the call, as {@link #invalidate(UsageKey)} does. */
    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        removeAll(organisationId);
        return shared.invalidate(organisationId).whenComplete((done, error) -> removeAll(organisationId));
    }

    private void removeAll(String organisationId) {
        store.removeIf(key -> key.organisationId().equals(organisationId));
    }

    PeriodIndex index() {
        return shared.index();
    }

    @Override
    public Stats stats() {
        return new Stats(
                OptionalLong.of(store.size()),
                shared.stats().shared(),
                RedisUsageCache.condition(tracking.isValid(ticker.getAsLong())));
    }

    @Override
    public void observe(UsageListener listener) {
        shared.observe(listener);
        tracking.observe(listener);
    }

    @Override
    public void close() {
        closed = true;
        tracking.close();
        store.clear();
        shared.close();
    }
}
