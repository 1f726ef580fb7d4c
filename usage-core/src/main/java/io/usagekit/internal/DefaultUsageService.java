package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.Freshness;
import io.usagekit.LoadOutcome;
import io.usagekit.LoadOutcome.Origin;
import io.usagekit.MissPolicy;
import io.usagekit.OutagePolicy;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageResults;
import io.usagekit.UsageService;
import io.usagekit.UsageUnavailableException;
import io.usagekit.WarmResult;
import io.usagekit.internal.UsageLoad.Purpose;
import io.usagekit.internal.flight.Delays;
import io.usagekit.internal.flight.Flights;
import io.usagekit.internal.flight.ServiceClosedException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Cache-aside with background refresh and single-flight: maps each state of the cache to an answer. */
public final class DefaultUsageService implements UsageService {

    /** Configuration that the builder has checked; without an executor the service opens a pool of its own. */
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
            @Nullable ScheduledExecutorService scheduler,
            List<UsageListener> listeners,
            InstantSource clock,
            LongSupplier ticker) {}

    private final Settings settings;
    private final MissPolicy missPolicy;
    private final SafeListener listener;
    private final GuardedCache cache;
    private final BackOff backOff;
    private final Computations computations;
    private final Invalidation invalidation;
    private final Answers answers;
    private final Loads loads;
    /** Whether the service is closed, which its views share. */
    private final AtomicBoolean closed;
    /** Whether this is a view: it closes nothing. */
    private final boolean isView;

    public DefaultUsageService(Settings settings) {
        this.settings = settings;
        this.missPolicy = settings.missPolicy();
        this.closed = new AtomicBoolean();
        this.isView = false;
        this.listener = new SafeListener(settings.listeners());
        this.cache = new GuardedCache(settings.cache(), settings.limits(), settings.ticker());
        this.backOff = new BackOff(settings.errorBackOff(), settings.ticker());
        this.computations = new Computations(settings, listener, cache, backOff);
        this.invalidation = new Invalidation(settings.singleFlight(), cache, backOff);
        this.answers = new Answers(settings.limits(), listener, settings.clock());
        this.loads = new Loads(settings.singleFlight(), computations, settings.limits(), settings.errorBackOff());
        if (settings.singleFlight() instanceof Flights flights) {
            flights.use(computations.delays());
        }
        cache.observe(listener);
    }

    private DefaultUsageService(DefaultUsageService service, MissPolicy missPolicy) {
        this.settings = service.settings;
        this.missPolicy = missPolicy;
        this.listener = service.listener;
        this.cache = service.cache;
        this.backOff = service.backOff;
        this.computations = service.computations;
        this.invalidation = service.invalidation;
        this.answers = service.answers;
        this.loads = service.loads;
        this.closed = service.closed;
        this.isView = true;
    }

    /** The service's timers. */
    public Delays delays() {
        return computations.delays();
    }

    /** The executor of computations: the host's, or this service's own pool. */
    public Executor executor() {
        return computations.executor();
    }

    @Override
    public UsageService with(MissPolicy missPolicy) {
        return new DefaultUsageService(this, Objects.requireNonNull(missPolicy, "missPolicy"));
    }

    @Override
    public Stats stats() {
        return new Stats(
                computations.permits().inUse(),
                settings.maxConcurrent(),
                computations.permits().waiting(),
                settings.maxQueued(),
                computations.loads(),
                cache.stats());
    }

    @Override
    public UsageResult get(String organisationId, UsagePeriod period) {
        UsageKey key = admit(organisationId, period);
        UsageResult inMemory = inMemory(key);
        if (inMemory != null) {
            return inMemory;
        }
        return Futures.await(
                cache.isMissing(key)
                        ? missed(key, Optional.empty(), null)
                        : answer(key, Futures.await(cache.read(key)), null));
    }

    @Override
    public CompletionStage<UsageResult> getAsync(String organisationId, UsagePeriod period) {
        UsageKey key = admit(organisationId, period);
        UsageResult inMemory = inMemory(key);
        if (inMemory != null) {
            return CompletableFuture.completedFuture(inMemory);
        }
        if (cache.isMissing(key)) {
            return Futures.offThisThread(missed(key, Optional.empty(), null));
        }
        CompletableFuture<Lookup> reading = cache.read(key);
        return reading.isDone()
                ? Futures.offThisThread(answer(key, reading.join(), null))
                : reading.thenComposeAsync(lookup -> Futures.offThisThread(answer(key, lookup, null)));
    }

    @Override
    public UsageResults getAll(Collection<String> organisationIds, UsagePeriod period) {
        return bulk(organisationIds, id -> new UsageKey(id, period)).await();
    }

    @Override
    public CompletionStage<UsageResults> getAllAsync(Collection<String> organisationIds, UsagePeriod period) {
        return Futures.offThisThread(
                bulk(organisationIds, id -> new UsageKey(id, period)).start());
    }

    @Override
    public UsageResults get(String organisationId, Collection<UsagePeriod> periods) {
        return bulk(periods, period -> new UsageKey(organisationId, period)).await();
    }

    @Override
    public CompletionStage<UsageResults> getAsync(String organisationId, Collection<UsagePeriod> periods) {
        return Futures.offThisThread(
                bulk(periods, period -> new UsageKey(organisationId, period)).start());
    }

    private <T> BulkAnswer bulk(Collection<T> which, Function<T, UsageKey> key) {
        checkOpen();
        Set<UsageKey> keys = new LinkedHashSet<>();
        which.forEach(one -> keys.add(key.apply(one)));
        return new BulkAnswer(
                keys,
                computations,
                (one, figure, batch) -> hit(one, UsageListener.Tier.NEAR, figure, batch),
                this::answer);
    }

    /** Returns the result of a figure in memory, or null. A fresh one takes a quick path; for others a second look does all that a hit needs. */
    private @Nullable UsageResult inMemory(UsageKey key) {
        UsageResult fresh = cache.readNear(key, answers.freshOnly());
        if (fresh != null) {
            listener.hit(key, fresh);
            return fresh;
        }
        return cache.near(key)
                .map(figure -> hit(key, UsageListener.Tier.NEAR, figure, null))
                .orElse(null);
    }

    private UsageKey admit(String organisationId, UsagePeriod period) {
        checkOpen();
        return new UsageKey(organisationId, period);
    }

    private void checkOpen() {
        if (closed.get()) {
            throw new ServiceClosedException();
        }
    }

    private CompletableFuture<UsageResult> answer(UsageKey key, Lookup lookup, @Nullable LoadBatch batch) {
        if (lookup.error() != null) {
            return answerWithoutCache(key, lookup.error(), batch);
        }
        Optional<AgedUsage> figure = lookup.figure();
        if (figure.isPresent() && settings.limits().isServable(figure.get())) {
            return CompletableFuture.completedFuture(hit(key, UsageListener.Tier.SHARED, figure.get(), batch));
        }
        CompletableFuture<UsageResult> answer = missed(key, figure, batch);
        if (figure.isEmpty()) {
            cache.missing(key, answer);
        }
        return answer;
    }

    private CompletableFuture<UsageResult> missed(UsageKey key, Optional<AgedUsage> figure, @Nullable LoadBatch batch) {
        listener.miss(key);
        Optional<Throwable> error = computations.writeOutage().of(key);
        return error.isPresent() ? answerUnstored(key, figure, error.get(), batch) : miss(key, figure, null, batch);
    }

    private UsageResult hit(UsageKey key, UsageListener.Tier tier, AgedUsage figure, @Nullable LoadBatch batch) {
        listener.hit(key, tier, figure.age());
        UsageResult fresh = answers.fresh(figure);
        if (fresh != null) {
            return fresh;
        }
        if (computations.writeOutage().of(key).isEmpty()) {
            loads.refresh(key, figure, false, batch);
            return answers.stale(key, figure);
        }
        Optional<AgedUsage> newer =
                cache.fallback(key).filter(copy -> copy.age().compareTo(figure.age()) < 0);
        if (newer.isPresent()) {
            return staleCopy(key, newer.get(), batch);
        }
        if (loads.mayTryToStore(key)) {
            loads.refresh(key, figure, false, batch);
        }
        return answers.stale(key, figure);
    }

    /** Answers as in an outage, since the figure was computed and couldn't be stored: from the fallback copy, if there is one. */
    private CompletableFuture<UsageResult> answerUnstored(
            UsageKey key, Optional<AgedUsage> grace, Throwable error, @Nullable LoadBatch batch) {
        Optional<AgedUsage> copy = cache.fallback(key).filter(settings.limits()::isServable);
        return copy.isPresent()
                ? CompletableFuture.completedFuture(staleCopy(key, copy.get(), batch))
                : miss(key, grace, loads.mayTryToStore(key) ? null : error, batch);
    }

    /** Returns the fallback copy of a figure that couldn't be stored; refreshes it when it is due, or when a write is to be tried again. */
    private UsageResult staleCopy(UsageKey key, AgedUsage copy, @Nullable LoadBatch batch) {
        boolean isDue = !settings.limits().isFresh(copy) && settings.outagePolicy() == OutagePolicy.FAIL_OPEN;
        if (loads.mayTryToStore(key) || isDue) {
            loads.refresh(key, copy, false, batch);
        }
        return answers.stale(key, copy);
    }

    /** A fallback copy is never fresh: processes that still reach the cache may have replaced or invalidated it. */
    private CompletableFuture<UsageResult> answerWithoutCache(
            UsageKey key, Throwable outage, @Nullable LoadBatch batch) {
        listener.cacheReadFailed(key, outage);
        Optional<AgedUsage> copy = cache.fallback(key);
        if (copy.isEmpty() || !settings.limits().isServable(copy.get())) {
            return miss(key, copy, outage, batch);
        }
        if (!settings.limits().isFresh(copy.get()) && settings.outagePolicy() == OutagePolicy.FAIL_OPEN) {
            loads.refresh(key, copy.get(), true, batch);
        }
        return CompletableFuture.completedFuture(answers.stale(key, copy.get()));
    }

    /**
     * Loads, since there is nothing to serve at once.
     *
     * @param grace a figure past its hard limit, for want of a better one
     * @param outage why the cache can't be read, if it can't
     * @param batch the loads of the same call, if there are several
     */
    private CompletableFuture<UsageResult> miss(
            UsageKey key, Optional<AgedUsage> grace, @Nullable Throwable outage, @Nullable LoadBatch batch) {
        Optional<Throwable> failure = backOff.of(key);
        if (failure.isPresent()) {
            return instead(key, grace, failure.get(), outage);
        }
        if (outage != null && settings.outagePolicy() == OutagePolicy.FAIL_CLOSED) {
            return instead(key, grace, Computations.notWithoutCache(key, outage), outage);
        }
        CompletableFuture<LoadOutcome> load =
                loads.load(key, Purpose.MISS, settings.limits().hard(), outage != null, batch);
        Optional<Duration> limit = missPolicy.limit();
        if (limit.isEmpty() || load.isDone()) {
            return answerFrom(key, load, grace, outage);
        }
        if (limit.get().isZero()) {
            return meanwhile(key, grace);
        }
        CompletableFuture<Void> waited = new CompletableFuture<>();
        Delays.Timer timer = computations.delays().after(limit.get(), () -> waited.complete(null));
        var unused = load.whenComplete((outcome, error) -> {
            timer.cancel();
            waited.complete(null);
        });
        return waited.thenCompose(over -> load.isDone() ? answerFrom(key, load, grace, outage) : meanwhile(key, grace));
    }

    private CompletableFuture<UsageResult> answerFrom(
            UsageKey key, CompletableFuture<LoadOutcome> load, Optional<AgedUsage> grace, @Nullable Throwable outage) {
        return Futures.compose(
                load,
                (outcome, error) -> outcome != null
                        ? CompletableFuture.completedFuture(loaded(key, outcome))
                        : instead(key, grace, Objects.requireNonNull(error), outage));
    }

    /** Answers a caller that has waited for as long as the miss policy says. */
    private CompletableFuture<UsageResult> meanwhile(UsageKey key, Optional<AgedUsage> grace) {
        return computations
                .incidents()
                .permanentFailure(key)
                .<CompletableFuture<UsageResult>>map(CompletableFuture::failedFuture)
                .orElseGet(() -> CompletableFuture.completedFuture(
                        grace.map(figure -> answers.staleOnError(key, figure)).orElseGet(() -> answers.pending(key))));
    }

    /** Answers without the figure that can't be loaded now. An old figure doesn't hide an error that no retry cures. */
    private CompletableFuture<UsageResult> instead(
            UsageKey key, Optional<AgedUsage> grace, Throwable error, @Nullable Throwable outage) {
        if (grace.isPresent() && !ComputationIncidents.isPermanent(error)) {
            return CompletableFuture.completedFuture(answers.staleOnError(key, grace.get()));
        }
        return error instanceof UsageOverloadedException
                        && (outage != null || missPolicy.limit().isPresent())
                ? CompletableFuture.completedFuture(answers.pending(key))
                : CompletableFuture.failedFuture(error);
    }

    /** The first call after a period's end starts a refresh, also where it has joined a load that began before that end. */
    private UsageResult loaded(UsageKey key, LoadOutcome outcome) {
        UsageResult result = answers.loaded(key, outcome);
        if (result.freshness() == Freshness.STALE && !result.isPeriodOver()) {
            outcome.figure().filter(Limits::isOverdue).ifPresent(figure -> loads.refresh(key, figure, false, null));
        }
        return result;
    }

    @Override
    public UsageResult refresh(String organisationId, UsagePeriod period) {
        return Futures.await(renew(admit(organisationId, period)));
    }

    @Override
    public CompletionStage<UsageResult> refreshAsync(String organisationId, UsagePeriod period) {
        return Futures.offThisThread(renew(admit(organisationId, period)));
    }

    private CompletableFuture<UsageResult> renew(UsageKey key) {
        return loads.load(key, Purpose.RENEWAL, Duration.ZERO, false, null).thenApply(outcome -> loaded(key, outcome));
    }

    @Override
    public void invalidate(String organisationId, UsagePeriod period) {
        Futures.await(invalidation.of(admit(organisationId, period)));
    }

    @Override
    public CompletionStage<Void> invalidateAsync(String organisationId, UsagePeriod period) {
        return Futures.offThisThread(invalidation.of(admit(organisationId, period)));
    }

    @Override
    public void invalidate(String organisationId) {
        checkOpen();
        Futures.await(invalidation.of(organisationId));
    }

    @Override
    public CompletionStage<Void> invalidateAsync(String organisationId) {
        checkOpen();
        return Futures.offThisThread(invalidation.of(organisationId));
    }

    @Override
    public WarmResult warm(Collection<String> organisationIds, UsagePeriod period) {
        CallersThread here = new CallersThread();
        return here.await(startWarming(organisationIds, period, here));
    }

    @Override
    public CompletionStage<WarmResult> warmAsync(Collection<String> organisationIds, UsagePeriod period) {
        return Futures.offThisThread(
                startWarming(organisationIds, period, new CompletableFuture<>().defaultExecutor()));
    }

    /** Goes on after each figure on this executor: never on the thread that completes it, which may be a driver's. */
    private CompletableFuture<WarmResult> startWarming(
            Collection<String> organisationIds, UsagePeriod period, Executor executor) {
        checkOpen();
        Set<UsageKey> keys = new LinkedHashSet<>();
        organisationIds.forEach(id -> keys.add(new UsageKey(id, period)));
        return new Warming(keys, settings.maxConcurrent(), key -> warm(key, executor), executor).start();
    }

    private CompletableFuture<Origin> warm(UsageKey key, Executor executor) {
        if (closed.get()) {
            return CompletableFuture.failedFuture(
                    new UsageUnavailableException("closed before " + key + " was warm", null));
        }
        CompletableFuture<Lookup> reading = cache.read(key);
        return reading.isDone()
                ? loads.warm(key, reading.join())
                : reading.thenComposeAsync(lookup -> loads.warm(key, lookup), executor);
    }

    @Override
    public void close() {
        if (isView || !closed.compareAndSet(false, true)) {
            return;
        }
        computations.close(settings.drainTimeout());
        settings.singleFlight().close();
        cache.close();
        computations.closeTimers();
    }
}
