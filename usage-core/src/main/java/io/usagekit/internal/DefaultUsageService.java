package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.OrganisationUsage;
import io.usagekit.OutagePolicy;
import io.usagekit.SingleFlight;
import io.usagekit.Tier;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageUnavailableException;
import io.usagekit.WarmResult;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Cache-aside with refresh in the background, over single-flight: which answer goes with which state of the cache. */
public final class DefaultUsageService implements UsageService {

    /** What the builder has checked; a null executor asks for a pool of the service's own. */
    public record Settings(
            UsageCalculator calculator,
            UsageCache cache,
            SingleFlight singleFlight,
            Limits limits,
            Duration computationTimeout,
            Duration errorBackOff,
            MissPolicy missPolicy,
            OutagePolicy outagePolicy,
            int maxConcurrent,
            int maxConcurrentPerOrganisation,
            int maxQueued,
            Duration drainTimeout,
            @Nullable Executor executor,
            UsageListener listener,
            InstantSource clock,
            LongSupplier ticker) {}

    private final Settings settings;
    private final Limits limits;
    private final UsageListener listener;
    private final GuardedCache cache;
    private final BackOff backOff;
    private final Computations computations;
    private final AtomicBoolean closed = new AtomicBoolean();

    public DefaultUsageService(Settings settings) {
        this.settings = settings;
        this.limits = settings.limits();
        this.listener = new SafeListener(settings.listener());
        this.cache = new GuardedCache(settings.cache(), limits);
        this.backOff = new BackOff(settings.errorBackOff(), settings.ticker());
        this.computations = new Computations(settings, listener, cache, backOff);
        cache.observe(listener);
    }

    @Override
    public UsageResult get(String organisationId, UsagePeriod period) {
        UsageKey key = admit(organisationId, period);
        Optional<AgedUsage> near = cache.near(key);
        return near.isPresent()
                ? hit(key, Tier.NEAR, near.get())
                : Futures.await(answer(key, Futures.await(cache.read(key))));
    }

    @Override
    public CompletionStage<UsageResult> getAsync(String organisationId, UsagePeriod period) {
        UsageKey key = admit(organisationId, period);
        Optional<AgedUsage> near = cache.near(key);
        if (near.isPresent()) {
            return CompletableFuture.completedFuture(hit(key, Tier.NEAR, near.get()));
        }
        CompletableFuture<Lookup> reading = cache.read(key);
        return reading.isDone()
                ? offThisThread(answer(key, reading.join()))
                : reading.thenComposeAsync(lookup -> offThisThread(answer(key, lookup)));
    }

    private UsageKey admit(String organisationId, UsagePeriod period) {
        checkOpen();
        return new UsageKey(organisationId, period);
    }

    private void checkOpen() {
        if (closed.get()) {
            throw new IllegalStateException("this UsageService is closed");
        }
    }

    /** Moves what callers attach away from the thread that completes it: a driver's, a timer's or a computation's. */
    private static <T> CompletableFuture<T> offThisThread(CompletableFuture<T> future) {
        return future.isDone() ? future : future.whenCompleteAsync((value, error) -> {});
    }

    private CompletableFuture<UsageResult> answer(UsageKey key, Lookup lookup) {
        if (lookup.error() != null) {
            return answerWithoutCache(key, lookup.error());
        }
        Optional<AgedUsage> figure = lookup.figure();
        if (figure.isPresent() && limits.isServable(figure.get())) {
            return CompletableFuture.completedFuture(hit(key, Tier.SHARED, figure.get()));
        }
        listener.miss(key);
        return miss(key, figure, null);
    }

    private UsageResult hit(UsageKey key, Tier tier, AgedUsage figure) {
        listener.hit(key, tier, figure.age());
        if (limits.isFresh(figure)) {
            return UsageResult.fresh(figure);
        }
        refresh(key, figure);
        return stale(key, figure);
    }

    private UsageResult stale(UsageKey key, AgedUsage figure) {
        listener.staleServed(key, Freshness.STALE, figure.age());
        return UsageResult.stale(figure);
    }

    /** A fallback copy is never fresh: it may have been replaced or invalidated by those who can still reach the cache. */
    private CompletableFuture<UsageResult> answerWithoutCache(UsageKey key, Throwable outage) {
        listener.cacheReadFailed(key, outage);
        Optional<AgedUsage> copy = cache.fallback(key);
        if (copy.isEmpty() || !limits.isServable(copy.get())) {
            return miss(key, copy, outage);
        }
        if (!limits.isFresh(copy.get()) && settings.outagePolicy() == OutagePolicy.FAIL_OPEN) {
            refresh(key, copy.get());
        }
        return CompletableFuture.completedFuture(stale(key, copy.get()));
    }

    /**
     * There is nothing to serve at once.
     *
     * @param grace a figure past its hard limit, for want of a better one
     * @param outage why the cache can't be read, if it can't
     */
    private CompletableFuture<UsageResult> miss(UsageKey key, Optional<AgedUsage> grace, @Nullable Throwable outage) {
        Optional<Throwable> failure = backOff.of(key);
        if (failure.isPresent()) {
            return instead(key, grace, failure.get(), outage);
        }
        if (outage != null && settings.outagePolicy() == OutagePolicy.FAIL_CLOSED) {
            return instead(key, grace, notWithoutCache(key, outage), outage);
        }
        CompletableFuture<SingleFlight.Landing> flight =
                fly(key, UsageLoad.Purpose.MISS, limits.hard(), outage != null);
        Optional<Duration> limit = settings.missPolicy().limit();
        if (limit.isEmpty() || flight.isDone()) {
            return outcome(key, flight, grace, outage);
        }
        if (limit.get().isZero()) {
            return CompletableFuture.completedFuture(inTheMeantime(key, grace));
        }
        CompletableFuture<Void> enough = new CompletableFuture<Void>()
                .completeOnTimeout(null, limit.get().toNanos(), TimeUnit.NANOSECONDS);
        return CompletableFuture.anyOf(flight.handle((landing, error) -> enough.complete(null)), enough)
                .thenCompose(first -> flight.isDone()
                        ? outcome(key, flight, grace, outage)
                        : CompletableFuture.completedFuture(inTheMeantime(key, grace)));
    }

    private static UsageUnavailableException notWithoutCache(UsageKey key, Throwable outage) {
        return new UsageUnavailableException(
                "the usage of " + key + " isn't computed while the cache can't be reached", outage);
    }

    private CompletableFuture<UsageResult> outcome(
            UsageKey key,
            CompletableFuture<SingleFlight.Landing> flight,
            Optional<AgedUsage> grace,
            @Nullable Throwable outage) {
        return Futures.compose(
                flight,
                (landing, error) -> landing != null
                        ? CompletableFuture.completedFuture(landed(key, landing))
                        : instead(key, grace, Objects.requireNonNull(error), outage));
    }

    /** What a caller gets who has waited for long enough. */
    private UsageResult inTheMeantime(UsageKey key, Optional<AgedUsage> grace) {
        return grace.map(figure -> staleOnError(key, figure)).orElseGet(() -> pending(key));
    }

    /** What a caller gets instead of the figure that can't be had now. */
    private CompletableFuture<UsageResult> instead(
            UsageKey key, Optional<AgedUsage> grace, Throwable error, @Nullable Throwable outage) {
        if (grace.isPresent()) {
            return CompletableFuture.completedFuture(staleOnError(key, grace.get()));
        }
        boolean mayBePending = outage != null || settings.missPolicy().limit().isPresent();
        return error instanceof UsageOverloadedException && mayBePending
                ? CompletableFuture.completedFuture(pending(key))
                : CompletableFuture.failedFuture(error);
    }

    private UsageResult staleOnError(UsageKey key, AgedUsage figure) {
        listener.staleServed(key, Freshness.STALE_ON_ERROR, figure.age());
        return UsageResult.staleOnError(figure);
    }

    private UsageResult pending(UsageKey key) {
        listener.pendingServed(key);
        return UsageResult.pending(key, settings.clock().instant());
    }

    /** The figure under the label that this caller asked with: those who share a flight may call the window differently. */
    private UsageResult landed(UsageKey key, SingleFlight.Landing landing) {
        AgedUsage figure = landing.figure().orElseThrow();
        OrganisationUsage usage = figure.usage();
        AgedUsage own = usage.period().label().equals(key.period().label())
                ? figure
                : new AgedUsage(
                        new OrganisationUsage(key, usage.received(), usage.sent(), usage.createdAt()), figure.age());
        // What was computed while the caller waited is as fresh as can be, whatever the limits.
        return landing.origin() != SingleFlight.Origin.FOUND || limits.isFresh(own)
                ? UsageResult.fresh(own)
                : UsageResult.stale(own);
    }

    private void refresh(UsageKey key, AgedUsage old) {
        if (backOff.of(key).isEmpty()) {
            var unused = fly(key, UsageLoad.Purpose.REFRESH, limits.softFor(old), false)
                    .exceptionally(error -> SingleFlight.Landing.left());
        }
    }

    /**
     * Takes off or joins. Who needs a figure and has joined a flight that was no use to it (a refresh that came to nothing,
     * since it waits for nobody; one that found a figure too old for this caller) flies again.
     */
    private CompletableFuture<SingleFlight.Landing> fly(
            UsageKey key, UsageLoad.Purpose purpose, Duration acceptableAge, boolean cacheDown) {
        UsageLoad load = new UsageLoad(computations, key, purpose, acceptableAge, cacheDown);
        CompletableFuture<SingleFlight.Landing> flight =
                settings.singleFlight().run(key, load).toCompletableFuture();
        if (!load.hasTakenOff()) {
            listener.coalesced(key);
            return purpose == UsageLoad.Purpose.REFRESH
                    ? flight
                    : Futures.compose(
                            flight,
                            (landing, error) -> isNoUse(landing, error, acceptableAge)
                                    ? flyFromAPoolThread(key, purpose, acceptableAge, cacheDown)
                                    : flight);
        }
        return flight;
    }

    /** The thread on which a flight lands may be a driver's or a timer's, where no other should begin. */
    private CompletableFuture<SingleFlight.Landing> flyFromAPoolThread(
            UsageKey key, UsageLoad.Purpose purpose, Duration acceptableAge, boolean cacheDown) {
        return CompletableFuture.completedFuture(key)
                .thenComposeAsync(same -> fly(same, purpose, acceptableAge, cacheDown));
    }

    private static boolean isNoUse(
            SingleFlight.@Nullable Landing landing, @Nullable Throwable error, Duration acceptableAge) {
        if (landing == null) {
            return error instanceof RefreshDroppedException;
        }
        Optional<AgedUsage> figure = landing.figure();
        return figure.isEmpty()
                || (landing.origin() == SingleFlight.Origin.FOUND
                        && figure.get().age().compareTo(acceptableAge) >= 0);
    }

    @Override
    public UsageResult refresh(String organisationId, UsagePeriod period) {
        return Futures.await(renew(admit(organisationId, period)));
    }

    @Override
    public CompletionStage<UsageResult> refreshAsync(String organisationId, UsagePeriod period) {
        return offThisThread(renew(admit(organisationId, period)));
    }

    private CompletableFuture<UsageResult> renew(UsageKey key) {
        return fly(key, UsageLoad.Purpose.RENEWAL, Duration.ZERO, false).thenApply(landing -> landed(key, landing));
    }

    @Override
    public void invalidate(String organisationId, UsagePeriod period) {
        Futures.await(forget(admit(organisationId, period)));
    }

    @Override
    public CompletionStage<Void> invalidateAsync(String organisationId, UsagePeriod period) {
        return offThisThread(forget(admit(organisationId, period)));
    }

    private CompletableFuture<Void> forget(UsageKey key) {
        backOff.forget(key);
        return forget(key.toString(), () -> settings.singleFlight().invalidate(key), () -> cache.invalidate(key));
    }

    @Override
    public void invalidate(String organisationId) {
        Futures.await(forget(organisationId));
    }

    @Override
    public CompletionStage<Void> invalidateAsync(String organisationId) {
        return offThisThread(forget(organisationId));
    }

    private CompletableFuture<Void> forget(String organisationId) {
        checkOpen();
        UsageKey.checkOrganisationId(organisationId);
        backOff.forget(organisationId);
        return forget(
                Arguments.quote(organisationId),
                () -> settings.singleFlight().invalidate(organisationId),
                () -> cache.invalidate(organisationId));
    }

    /**
     * First the flights, so that none of them keeps anything afterwards, then the cache: also where the fleet can't be told,
     * since it may have a copy in this process.
     */
    private static CompletableFuture<Void> forget(
            String what, Supplier<CompletionStage<Void>> flights, Supplier<CompletionStage<Void>> cache) {
        return Futures.compose(
                Futures.of(flights),
                (done, flightsError) -> Futures.compose(Futures.of(cache), (alsoDone, cacheError) -> {
                    Throwable error = flightsError != null ? flightsError : cacheError;
                    return error == null
                            ? CompletableFuture.completedFuture(null)
                            : CompletableFuture.failedFuture(notForgotten(what, error));
                }));
    }

    private static UsageException notForgotten(String what, Throwable error) {
        return error instanceof UsageException known
                ? known
                : new UsageCacheException("the usage of " + what + " can't be forgotten: " + error, error);
    }

    @Override
    public WarmResult warm(Collection<String> organisationIds, UsagePeriod period) {
        return Futures.await(startWarming(organisationIds, period));
    }

    @Override
    public CompletionStage<WarmResult> warmAsync(Collection<String> organisationIds, UsagePeriod period) {
        return offThisThread(startWarming(organisationIds, period));
    }

    private CompletableFuture<WarmResult> startWarming(Collection<String> organisationIds, UsagePeriod period) {
        checkOpen();
        Set<UsageKey> keys = new LinkedHashSet<>();
        organisationIds.forEach(id -> keys.add(new UsageKey(id, period)));
        return new Warming(keys, settings.maxConcurrent(), this::warm).start();
    }

    private CompletableFuture<SingleFlight.Origin> warm(UsageKey key) {
        if (closed.get()) {
            return CompletableFuture.failedFuture(
                    new UsageUnavailableException("closed before " + key + " was warm", null));
        }
        CompletableFuture<Lookup> reading = cache.read(key);
        return reading.isDone() ? warm(key, reading.join()) : reading.thenComposeAsync(lookup -> warm(key, lookup));
    }

    private CompletableFuture<SingleFlight.Origin> warm(UsageKey key, Lookup lookup) {
        if (lookup.figure().filter(limits::isFresh).isPresent()) {
            return CompletableFuture.completedFuture(SingleFlight.Origin.FOUND);
        }
        Throwable outage = lookup.error();
        if (outage != null && settings.outagePolicy() == OutagePolicy.FAIL_CLOSED) {
            return CompletableFuture.failedFuture(notWithoutCache(key, outage));
        }
        Duration acceptableAge = lookup.figure().map(limits::softFor).orElse(limits.soft());
        return fly(key, UsageLoad.Purpose.WARM, acceptableAge, outage != null).thenApply(SingleFlight.Landing::origin);
    }

    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        computations.close(settings.drainTimeout());
        settings.singleFlight().close();
        cache.close();
    }
}
