package io.usagekit;

import java.util.Collection;
import java.util.concurrent.CompletionStage;

/**
 * How much has this organisation used in this period? Answers from the cache where it can, computes where it must, and then
 * only once for everyone who asks at the same time.
 *
 * <ul>
 *   <li>A cached figure younger than the soft limit ({@code refreshAfter}) is {@link Freshness#FRESH}.
 *   <li>An older one is returned at once as {@link Freshness#STALE}, and one refresh is started in the background, under its
 *       own deadline. If that fails, the figure stays until it expires.
 *   <li>One past the hard limit ({@code ttl}) is kept for its grace ({@code staleIfError}): a computation is started, and if
 *       that fails, is refused, or takes longer than the caller waits, the old figure is returned as
 *       {@link Freshness#STALE_ON_ERROR}.
 *   <li>With none cached, one computation is started, and the {@link MissPolicy} says what the caller gets. Callers who ask
 *       meanwhile join it; if it fails, they get the same error, and so does who asks within a moment ({@code errorBackOff}).
 *   <li>A cache that can't be reached is left out, as the {@link OutagePolicy} says: figures that this process still remembers
 *       are {@link Freshness#STALE}; others are computed, within the permits, or refused.
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

    /**
     * The usage of an organisation. Waits as the miss policy says, and never longer than the cache's own bound plus
     * {@code computationTimeout}.
     *
     * @param organisationId opaque; bounds in {@link UsageKey}. An organisation that the database doesn't know has used
     *     nothing: its figure is zero
     * @param period the window
     * @throws IllegalArgumentException if {@code organisationId} is out of bounds, before any I/O
     * @throws UsageCalculationException if there is no figure and it can't be computed
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
     * Computes the figure now, whatever is cached, keeps it and returns it. Joins a computation that is under way, in this
     * process or, with a fleet-wide single-flight, in another.
     *
     * @return {@link Freshness#FRESH}
     * @throws UsageCalculationException if it can't be computed
     * @throws UsageOverloadedException if there is no room to compute it
     * @throws UsageUnavailableException if the fleet can't be asked who computes, and the policy is to fail closed
     */
    UsageResult refresh(String organisationId, UsagePeriod period);

    /** {@link #refresh} without waiting. */
    CompletionStage<UsageResult> refreshAsync(String organisationId, UsagePeriod period);

    /**
     * Forgets a figure, in the cache and in this process. A computation under way goes on for those who have joined it, but
     * its figure isn't kept; who asks next starts another. With a fleet-wide single-flight that goes for all processes, else
     * for the computations of this one. Other processes' near caches follow within their documented bound.
     *
     * @throws UsageCacheException if the cache can't be told: the figure may then be served by other processes until it
     *     expires
     */
    void invalidate(String organisationId, UsagePeriod period);

    /** {@link #invalidate(String, UsagePeriod)} without waiting. */
    CompletionStage<Void> invalidateAsync(String organisationId, UsagePeriod period);

    /** {@link #invalidate(String, UsagePeriod)} for all periods of an organisation. */
    void invalidate(String organisationId);

    /** {@link #invalidate(String)} without waiting. */
    CompletionStage<Void> invalidateAsync(String organisationId);

    /**
     * Sees to it that the figures of these organisations are cached and younger than the soft limit, before somebody asks for
     * them: those that aren't are computed, no more at a time than there are permits. Failures don't end it; they are listed.
     *
     * @throws IllegalArgumentException if an id is out of bounds, before anything is computed
     */
    WarmResult warm(Collection<String> organisationIds, UsagePeriod period);

    /** {@link #warm} without waiting. */
    CompletionStage<WarmResult> warmAsync(Collection<String> organisationIds, UsagePeriod period);

    /**
     * Rejects new calls, waits up to {@code drainTimeout} for the loads under way, then interrupts those that run on this
     * service's own pool and fails those that wait, and closes the single-flight, which gives its leases back, and the cache
     * that it was built with (not the clients or pools that those were given). A host's executor is left alone. Idempotent.
     */
    @Override
    void close();

    /** Begins to build a service around a source of truth. */
    static UsageServiceBuilder builder(UsageCalculator calculator) {
        return new UsageServiceBuilder(calculator);
    }
}
