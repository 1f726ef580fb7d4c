package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.MissPolicy;
import io.usagekit.OrganisationUsage;
import io.usagekit.SingleFlight;
import io.usagekit.Tier;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Cache-aside with refresh in the background, over single-flight. */
public final class DefaultUsageService implements UsageService {

    /** What the builder has checked; a null executor asks for a pool of the service's own. */
    public record Settings(
            UsageCalculator calculator,
            UsageCache cache,
            SingleFlight singleFlight,
            Duration ttl,
            Duration refreshAfter,
            Duration computationTimeout,
            MissPolicy missPolicy,
            @Nullable Executor executor,
            UsageListener listener,
            InstantSource clock,
            LongSupplier ticker) {}

    private final Settings settings;
    private final UsageListener listener;
    private final GuardedCache cache;
    private final Executor executor;
    private final @Nullable ComputationPool ownPool;
    private final AtomicBoolean closed = new AtomicBoolean();

    public DefaultUsageService(Settings settings) {
        this.settings = settings;
        this.listener = new SafeListener(settings.listener());
        this.cache = new GuardedCache(settings.cache(), settings.ttl());
        Executor hosts = settings.executor();
        this.ownPool = hosts == null ? new ComputationPool() : null;
        this.executor = hosts == null ? Objects.requireNonNull(ownPool) : hosts;
    }

    @Override
    public UsageResult get(String organisationId, UsagePeriod period) {
        UsageKey key = admit(organisationId, period);
        return Futures.await(answer(key, Futures.await(cache.read(key))));
    }

    @Override
    public CompletionStage<UsageResult> getAsync(String organisationId, UsagePeriod period) {
        UsageKey key = admit(organisationId, period);
        CompletableFuture<Lookup> reading = cache.read(key);
        return reading.isDone()
                ? offThisThread(answer(key, reading.join()))
                : reading.thenComposeAsync(lookup -> offThisThread(answer(key, lookup)));
    }

    private UsageKey admit(String organisationId, UsagePeriod period) {
        if (closed.get()) {
            throw new IllegalStateException("this UsageService is closed");
        }
        return new UsageKey(organisationId, period);
    }

    /** Moves what callers attach away from the thread that completes it: a timer's or a computation's. */
    private static <T> CompletableFuture<T> offThisThread(CompletableFuture<T> future) {
        return future.isDone() ? future : future.whenCompleteAsync((value, error) -> {});
    }

    private CompletableFuture<UsageResult> answer(UsageKey key, Lookup lookup) {
        if (lookup.figure().isEmpty()) {
            return miss(key, lookup);
        }
        AgedUsage figure = lookup.figure().get();
        listener.hit(key, Tier.SHARED, figure.age());
        if (isFresh(figure)) {
            return CompletableFuture.completedFuture(UsageResult.fresh(figure));
        }
        refresh(key);
        return CompletableFuture.completedFuture(UsageResult.stale(figure));
    }

    private CompletableFuture<UsageResult> miss(UsageKey key, Lookup lookup) {
        if (lookup.error() != null) {
            listener.cacheReadFailed(key, lookup.error());
        } else {
            listener.miss(key);
        }
        Load load = load(key, lookup.error() != null ? Load.Reason.CACHE_DOWN : Load.Reason.MISS);
        CompletableFuture<AgedUsage> flight =
                settings.singleFlight().run(key, load::start).toCompletableFuture();
        if (!load.started()) {
            listener.coalesced(key);
        }
        CompletableFuture<UsageResult> result = flight.thenApply(figure -> computed(key, figure));
        Optional<Duration> limit = settings.missPolicy().limit();
        if (limit.isEmpty() || result.isDone()) {
            return result;
        }
        UsageResult pending = UsageResult.pending(key, settings.clock().instant());
        return limit.get().isZero()
                ? CompletableFuture.completedFuture(pending)
                : result.completeOnTimeout(pending, limit.get().toNanos(), TimeUnit.NANOSECONDS);
    }

    private void refresh(UsageKey key) {
        Load load = load(key, Load.Reason.REFRESH);
        settings.singleFlight().run(key, load::start);
        if (!load.started()) {
            listener.coalesced(key);
        } else if (load.rejected()) {
            listener.refreshDropped(key);
        } else {
            listener.refreshStarted(key);
        }
    }

    private Load load(UsageKey key, Load.Reason reason) {
        return new Load(settings, cache, executor, listener, key, reason);
    }

    private boolean isFresh(AgedUsage figure) {
        return figure.age().compareTo(settings.refreshAfter()) < 0;
    }

    /** The figure under the label that this caller asked with: those who share a flight may call the window differently. */
    private static UsageResult computed(UsageKey key, AgedUsage figure) {
        OrganisationUsage usage = figure.usage();
        if (usage.period().label().equals(key.period().label())) {
            return UsageResult.fresh(figure);
        }
        return UsageResult.fresh(new AgedUsage(
                new OrganisationUsage(key, usage.received(), usage.sent(), usage.createdAt()), figure.age()));
    }

    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        if (ownPool != null) {
            ownPool.close();
        }
        settings.singleFlight().close();
        cache.close();
    }
}
