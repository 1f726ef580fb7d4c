package io.usagekit;

import java.util.Collection;
import java.util.concurrent.CompletionStage;

/**
 * Returns how much an organisation has used in a period: from the cache where possible, computed where necessary, and then
 * once for all concurrent callers.
 *
 * <ul>
 *   <li>A cached figure younger than the soft limit ({@code refreshAfter}) is {@link Freshness#FRESH}.
 *   <li>An older one is returned at once as {@link Freshness#STALE}, and one refresh is started in the background, under its
 *       own deadline. If that fails, the figure stays until it expires.
 *   <li>A figure that was computed before its period's end isn't fresh after it, however young: it is {@code STALE}, and the first call
 *       after the end starts a refresh. {@link UsageResult#isPeriodOver} says whether the period was over when the figure was computed.
 *   <li>One past the hard limit ({@code ttl}) stays cached for its grace ({@code staleIfError}): a computation is started, and if
 *       that fails, is refused, or takes longer than the caller waits, the old figure is returned as
 *       {@link Freshness#STALE_ON_ERROR}.
 *   <li>With none cached, one computation is started, and the {@link MissPolicy} says what the caller gets. Callers that
 *       come meanwhile join it; if it fails, they get the same error, and so do callers during the back-off after that
 *       ({@code errorBackOff}).
 *   <li>A cache that can't be reached is left out, as the {@link OutagePolicy} says: fallback copies that this process still
 *       has are {@link Freshness#STALE}; others are computed, within the permits, or refused.
 * </ul>
 *
 * <p>Never more computations run at a time than there are permits, of all and of one organisation; the others wait in a
 * bounded queue, organisations in turn. A refresh doesn't wait: where there is no permit it is dropped, and a later hit starts
 * it again.
 *
 * <p>Implementations are safe for use by many threads at once. No caller's timeout, interruption or cancellation ends a
 * computation. The {@code Async} forms do the same without waiting: their stages complete exceptionally with what the plain
 * forms throw at run time, which functions attached to them see in a {@link java.util.concurrent.CompletionException}, as
 * ever; bad arguments and a closed service are thrown by the call. Functions attached run on
 * {@link java.util.concurrent.CompletableFuture}'s default executor, never on a driver's or a timer's thread, or on the
 * attaching thread if the stage is complete already.
 *
 * @since 0.1
 */
public interface UsageService extends AutoCloseable {

    /** The most figures that one call of {@link #getAll} or {@link #get(String, Collection)} returns. */
    int MAX_FIGURES = 10_000;

    /**
     * The usage of an organisation. Waits as the miss policy says, and never longer than the cache's own bound plus
     * {@code computationTimeout}.
     *
     * @param organisationId opaque; bounds in {@link UsageKey}. An organisation that the database doesn't know has used
     *     nothing: its figure is zero
     * @param period the window
     * @throws IllegalArgumentException if {@code organisationId} is out of bounds, before any I/O
     * @throws UsageCalculationException if there is no figure and it can't be computed; also if there is one older than {@code ttl},
     *     and no retry cures the error ({@link UsageException#isTransient})
     * @throws UsageOverloadedException if there is no figure and no room to compute it, and the miss policy is to wait; with
     *     another one, and while the cache can't be reached, the answer is {@link Freshness#PENDING} instead
     * @throws UsageUnavailableException if there is no figure, and it isn't computed while the cache can't be reached
     * @throws UsageInterruptedException if this thread is interrupted while it waits
     * @throws IllegalStateException if this service is closed
     */
    UsageResult get(String organisationId, UsagePeriod period);

    /** {@link #get} without waiting. */
    CompletionStage<UsageResult> getAsync(String organisationId, UsagePeriod period);

    /**
     * The usage of several organisations in one period: for each of them what {@link #get} returns or throws. Waits as the miss policy
     * says for all together. The cache is read in one round trip, and figures that aren't cached are computed in batches: as many at a
     * time as {@link UsageCalculator#maxBatch}, each batch under one permit. A batch joins single loads that are in flight and is joined
     * by those that come later, so that each figure is computed once all the same.
     *
     * @param organisationIds as in {@link #get}; an id that is there twice counts once; at most {@value #MAX_FIGURES}
     * @param period the window of all of them
     * @throws IllegalArgumentException if an id is out of bounds, or there are too many, before any I/O
     * @throws UsageInterruptedException if this thread is interrupted while it waits
     * @throws IllegalStateException if this service is closed
     */
    UsageResults getAll(Collection<String> organisationIds, UsagePeriod period);

    /** {@link #getAll} without waiting. Its stage doesn't fail for a figure's failure. */
    CompletionStage<UsageResults> getAllAsync(Collection<String> organisationIds, UsagePeriod period);

    /**
     * The usage of one organisation in several periods, otherwise as {@link #getAll}.
     *
     * @param organisationId as in {@link #get(String, UsagePeriod)}
     * @param periods the windows; one that is there twice, whatever its labels, counts once; at most {@value #MAX_FIGURES}
     */
    UsageResults get(String organisationId, Collection<UsagePeriod> periods);

    /** {@link #get(String, Collection)} without waiting. Its stage doesn't fail for a figure's failure. */
    CompletionStage<UsageResults> getAsync(String organisationId, Collection<UsagePeriod> periods);

    /**
     * Computes the figure now, whatever is cached, stores and returns it. Joins a computation that is under way, in this
     * process or, with a fleet-wide single-flight, in another.
     *
     * @return {@link Freshness#FRESH}; {@link Freshness#STALE} only if the period ended while its figure was computed
     * @throws UsageCalculationException if it can't be computed
     * @throws UsageOverloadedException if there is no room to compute it
     * @throws UsageUnavailableException if the fleet-wide single-flight can't reach its store, and the policy is to fail closed
     */
    UsageResult refresh(String organisationId, UsagePeriod period);

    /** {@link #refresh} without waiting. */
    CompletionStage<UsageResult> refreshAsync(String organisationId, UsagePeriod period);

    /**
     * Invalidates a figure, in the cache and in this process. A load in flight goes on for the callers that have joined it,
     * but its figure isn't stored; the next caller starts another. With a fleet-wide single-flight that holds for the loads
     * of all processes, else for those of this one. Other processes' near caches follow within their documented bound.
     *
     * @throws UsageCacheException if the cache can't be reached: other processes may then serve the figure until it expires
     */
    void invalidate(String organisationId, UsagePeriod period);

    /** {@link #invalidate(String, UsagePeriod)} without waiting. */
    CompletionStage<Void> invalidateAsync(String organisationId, UsagePeriod period);

    /** {@link #invalidate(String, UsagePeriod)} for all periods of an organisation. */
    void invalidate(String organisationId);

    /** {@link #invalidate(String)} without waiting. */
    CompletionStage<Void> invalidateAsync(String organisationId);

    /**
     * Loads the figures of these organisations that aren't cached or are older than the soft limit, so that later calls find
     * them; no more at a time than there are permits. Failures don't end it; they are listed.
     *
     * @throws IllegalArgumentException if an id is out of bounds, before anything is computed
     */
    WarmResult warm(Collection<String> organisationIds, UsagePeriod period);

    /**
     * Returns a view of this service with another miss policy: it shares everything else, the cache, the loads in flight and the
     * permits. Closing the view does nothing; closing this service closes the view.
     */
    UsageService with(MissPolicy missPolicy);

    /** Returns the state of this service at present, without I/O, for gauges; also of one that is closed. */
    Stats stats();

    /**
     * State of a service. Its numbers are read one after the other, not in one step.
     *
     * @param permitsInUse how many computations run, or have a permit and wait for a thread
     * @param permits how many may ({@code maxConcurrentComputations})
     * @param queued how many computations wait for a permit
     * @param maxQueued how many may ({@code maxQueuedComputations})
     * @param loads how many loads are in flight in this process: those that compute, that wait for a permit, and that wait for another
     *     process
     * @param cache state of the cache
     */
    record Stats(int permitsInUse, int permits, int queued, int maxQueued, int loads, UsageCache.Stats cache) {}

    /** {@link #warm} without waiting. */
    CompletionStage<WarmResult> warmAsync(Collection<String> organisationIds, UsagePeriod period);

    /**
     * Rejects new calls, waits up to {@code drainTimeout} for the loads under way, then interrupts those that run on this
     * service's own pool, which have a second to cancel their statements, and fails those that wait, and closes the
     * single-flight, which releases its leases, and the cache that it was built with (not the clients or pools that those were
     * given). A host's executor is left alone. Idempotent.
     */
    @Override
    void close();

    /** Creates a builder of services that compute with this calculator. */
    static UsageServiceBuilder builder(UsageCalculator calculator) {
        return new UsageServiceBuilder(calculator);
    }
}
