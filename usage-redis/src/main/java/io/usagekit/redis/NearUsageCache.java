package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Figures in this process's memory, in front of those in Redis, which tells their changes. */
final class NearUsageCache implements UsageCache {

    private final RedisUsageCache shared;
    private final TrackingSupervisor link;
    private final NearStore entries;
    private final Duration commandTimeout;
    private final LongSupplier ticker;

    NearUsageCache(RedisUsageCache shared, TrackingSupervisor link, TrackingConnection.Settings settings) {
        this.shared = shared;
        this.link = link;
        this.entries = settings.entries();
        this.commandTimeout = settings.commandTimeout();
        this.ticker = settings.ticker();
    }

    @Override
    public Optional<AgedUsage> near(UsageKey key) {
        TrackingConnection tracking = link.current();
        if (tracking == null) {
            return Optional.empty();
        }
        // First the proof, then the figure: a thread that is held up in between finds a newer figure, or none.
        long now = ticker.getAsLong();
        if (!tracking.proof().holds(now)) {
            return Optional.empty();
        }
        NearEntry figure = entries.figure(key);
        return figure != null && figure.isUnder(tracking.proof()) && figure.isAlive(now)
                ? Optional.of(figure.as(key, now))
                : Optional.empty();
    }

    @Override
    public Optional<AgedUsage> fallback(UsageKey key) {
        NearEntry figure = entries.fallback(key);
        long now = ticker.getAsLong();
        return figure != null && figure.isAlive(now) ? Optional.of(figure.as(key, now)) : Optional.empty();
    }

    @Override
    public void putFallback(UsageKey key, AgedUsage entry, Duration timeToLive) {
        entries.keep(key, NearEntry.untracked(entry, ticker.getAsLong(), timeToLive));
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        Optional<AgedUsage> near = near(key);
        return near.isPresent()
                ? CompletableFuture.completedFuture(near)
                : load(key).thenApply(found -> found.map(figure -> figure.as(key, ticker.getAsLong())));
    }

    private CompletableFuture<Optional<NearEntry>> load(UsageKey key) {
        NearStore.Pending load = new NearStore.Pending(key);
        NearStore.Pending registered = entries.register(load);
        if (registered == load) {
            var unused = read(key).thenAccept(found -> settle(load, found)).exceptionally(error -> fail(load, error));
        }
        return registered.answer();
    }

    private CompletionStage<Optional<NearEntry>> read(UsageKey key) {
        long sent = ticker.getAsLong();
        TrackingConnection tracking = link.current();
        if (tracking == null) {
            return readUntracked(key, sent);
        }
        return tracking.read(key)
                .thenApply(found -> found.map(read -> NearEntry.of(read, sent, tracking.proof())))
                .exceptionallyCompose(error -> TrackingConnection.isTimeout(TrackingConnection.unwrap(error))
                        ? CompletableFuture.failedFuture(new UsageCacheException(
                                "Redis didn't answer within " + commandTimeout, TrackingConnection.unwrap(error)))
                        : readUntracked(key, sent));
    }

    private CompletionStage<Optional<NearEntry>> readUntracked(UsageKey key, long sent) {
        return shared.read(key).thenApply(found -> found.map(read -> NearEntry.of(read, sent, null)));
    }

    private void settle(NearStore.Pending load, Optional<NearEntry> found) {
        found.ifPresentOrElse(figure -> entries.put(load, figure), () -> entries.putNothing(load));
        load.answer().complete(found);
    }

    private @Nullable Void fail(NearStore.Pending load, Throwable error) {
        entries.withdraw(load);
        load.answer().completeExceptionally(TrackingConnection.unwrap(error));
        return null;
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        return shared.put(key, entry, timeToLive).whenComplete((done, error) -> {
            if (error == null) {
                entries.remove(key); // and the load with it that may have read what was there before
            } else {
                putFallback(key, entry, timeToLive);
            }
        });
    }

    /** Before, since nobody here is to be given it from now on; and after, since a load may have read it meanwhile. */
    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        entries.remove(key);
        return shared.invalidate(key).whenComplete((done, error) -> entries.remove(key));
    }

    /** As {@link #invalidate(UsageKey)}. */
    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        forget(organisationId);
        return shared.invalidate(organisationId).whenComplete((done, error) -> forget(organisationId));
    }

    private void forget(String organisationId) {
        entries.removeIf(key -> key.organisationId().equals(organisationId));
    }

    @Override
    public void observe(UsageListener listener) {
        shared.observe(listener);
        link.observe(listener);
    }

    @Override
    public void close() {
        link.close();
        entries.clear();
        shared.close();
    }
}
