package io.usagekit;

import java.util.concurrent.CompletionStage;

/**
 * How much has this organisation used in this period? Answers from the cache where it can, computes where it must, and then
 * only once for everyone who asks at the same time.
 *
 * <ul>
 *   <li>A cached figure younger than {@code refreshAfter} is {@link Freshness#FRESH}.
 *   <li>An older one is returned at once as {@link Freshness#STALE}, and one refresh is started in the background, under its
 *       own deadline. If that fails, the figure stays until it expires.
 *   <li>With none cached, one computation is started, and the {@link MissPolicy} says what the caller gets. Callers who ask
 *       meanwhile join it; if it fails, they get the same error.
 *   <li>A cache that can't be reached is left out: each call then computes, coalesced within this process.
 * </ul>
 *
 * <p>Implementations are safe for use by many threads at once. No caller's timeout, interruption or cancellation ends a
 * computation.
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
     * @throws UsageOverloadedException if there is no figure and no room to compute it
     * @throws UsageInterruptedException if this thread is interrupted while it waits
     * @throws IllegalStateException if this service is closed
     */
    UsageResult get(String organisationId, UsagePeriod period);

    /**
     * The same without waiting. The stage completes exceptionally with what {@link #get} throws at run time, which
     * functions attached to it see in a {@link java.util.concurrent.CompletionException}, as ever; bad arguments and a closed
     * service are thrown here. Functions attached to it run on {@link java.util.concurrent.CompletableFuture}'s
     * default executor, never on a driver's or a timer's thread, or on the attaching thread if it is complete already.
     */
    CompletionStage<UsageResult> getAsync(String organisationId, UsagePeriod period);

    /**
     * Rejects new calls, waits up to five seconds for the computations of this service's own pool, then interrupts those that
     * run and fails those that wait for a thread, and closes the cache and the single-flight it was built with (not the clients or pools that those were given). A host's executor is left
     * alone. Idempotent.
     */
    @Override
    void close();

    /** Begins to build a service around a source of truth. */
    static UsageServiceBuilder builder(UsageCalculator calculator) {
        return new UsageServiceBuilder(calculator);
    }
}
