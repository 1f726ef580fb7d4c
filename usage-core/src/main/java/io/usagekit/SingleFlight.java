package io.usagekit;

import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;

/**
 * Makes concurrent loads of one key run once: among the threads of this process, or across all processes of a fleet.
 * {@link SingleFlights} creates the implementations of this library; a host may bring its own, on a lock service that it has,
 * for example.
 *
 * <p>An implementation keeps at most one load of a key in flight. The caller that starts it is the <em>leader</em>; callers that
 * come while it is in flight are <em>followers</em>: they join it, and their own load isn't used. For the leader's load the
 * implementation calls {@link Load#compute}, then {@link Load#store} unless the key was invalidated since the load began, and
 * then completes the leader and its followers. It frees the key before it completes them, so that a caller that has received an
 * outcome and calls again starts a new load. Back-off, looking into the cache again and reporting to the
 * {@link UsageListener} are part of the loads that the service brings.
 *
 * <p>Implementations are safe for use by many threads at once and never block the caller.
 *
 * @since 0.1
 */
public interface SingleFlight extends AutoCloseable {

    /**
     * Joins the load of this key that is in flight in this process, or starts this one.
     *
     * <p>All callers that joined get the outcome of that one load: its figure or its error. An outcome is never returned for a
     * call that was made after the load had completed. What a caller does to the returned stage (cancel it, let it time out)
     * never affects the load or another caller.
     *
     * @param key which figure
     * @param load the load to start if none is in flight
     * @return fails with what the load failed with, with a {@link TimeoutException} if it exceeded its
     *     {@linkplain LoadTerms#timeout timeout}, or with a {@link UsageException} if this is closed
     */
    CompletionStage<LoadOutcome> run(UsageKey key, Load load);

    /**
     * Prevents the loads of this key that are in flight from storing their figures: callers that have joined still get the
     * outcome, the next caller starts a new load. A fleet-wide implementation does so in all processes, and removes the stored
     * figure with it.
     *
     * @return completes when no load that began before this call can store a figure any more, after a {@link Load#store} that
     *     is under way; exceptionally with a {@link UsageCacheException} if that can't be guaranteed
     */
    CompletionStage<Void> invalidate(UsageKey key);

    /** Does as {@link #invalidate(UsageKey)} for all of an organisation's loads. */
    CompletionStage<Void> invalidate(String organisationId);

    /**
     * Fails the loads in flight, and every later one, with a {@link UsageException}; releases leases and what this itself
     * opened. Idempotent.
     */
    @Override
    default void close() {}

    /**
     * One load of one figure. Its methods return without blocking, and are called one at a time; what they throw, or what their
     * stages fail with, is the outcome of the load, except that a {@link #store} that fails doesn't fail the load.
     */
    interface Load {

        /**
         * Returns the terms of this load. An implementation reads them on the caller's thread, before {@link SingleFlight#run}
         * returns, if this load is the leader's, and never if its caller has joined another load: this is how the service tells
         * leaders from followers.
         */
        LoadTerms terms();

        /**
         * Computes the figure, or finds that computing is unnecessary because a younger one is stored by now. Called once. An
         * implementation that shares nothing with other processes calls it on the thread that called {@link SingleFlight#run}.
         *
         * @return {@link LoadOutcome.Origin#COMPUTED} or {@link LoadOutcome.Origin#CACHED}
         */
        CompletionStage<LoadOutcome> compute();

        /**
         * Stores what {@link #compute} returned. Called once after it has succeeded, unless the key was invalidated since the
         * load began, or the implementation has stored the figure itself where the service's cache reads it.
         *
         * <p>The stage completes when the write has ended, also where the cache can't be reached and callers needn't wait for that:
         * {@link SingleFlight#invalidate} has to. An implementation may complete its callers before; one that waits for the stage has
         * them wait for as long as the cache takes to fail, with the caches of this library two of their timeouts at most.
         */
        CompletionStage<Void> store(LoadOutcome outcome);
    }
}
