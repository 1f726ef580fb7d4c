package io.usagekit.internal.flight;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.LoadOutcome;
import io.usagekit.LoadTerms;
import io.usagekit.SingleFlight;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;

/**
 * A load with the hooks that only this library's own engine calls. Everything that a load needs under any implementation of
 * {@link SingleFlight} is in {@link SingleFlight.Load}; the hooks add what an engine knows and a load can't observe.
 */
public interface FlightTask extends SingleFlight.Load {

    /** This load starts: it is the leader. Called once, on the caller's thread, before any other step. */
    default void started() {}

    /** The caller of this load has joined another one. Called once, on the caller's thread. */
    default void joined() {}

    /** Returns what callers get when the timeout has passed. */
    default Throwable timedOut() {
        return new TimeoutException("not loaded within " + terms().timeout());
    }

    /**
     * Computes under a lease. The step that acquired the lease found no acceptable figure, so there is no need to look into the
     * cache again. Called again if the lease was lost to another process that failed afterwards.
     *
     * @param lease which the load gives up while it can't compute yet
     */
    default CompletionStage<LoadOutcome> computeUnderLease(Lease lease) {
        return compute();
    }

    /**
     * Looks for an acceptable figure that another process has stored, while this load can't compute yet and has given up its lease.
     *
     * @return doesn't fail
     */
    default CompletionStage<Optional<AgedUsage>> look() {
        return CompletableFuture.completedFuture(Optional.empty());
    }

    /** Computes without a lease, since the store can't be reached. */
    default CompletionStage<LoadOutcome> computeUncoordinated(Throwable cause) {
        return compute();
    }

    /**
     * Whether a load that has suspended its lease, and can compute now, is to go on without it, since the store can't be reached. If not,
     * {@link #computeUncoordinated} follows.
     */
    default boolean mayGoOnUncoordinated(Throwable cause) {
        return false;
    }

    /** Returns for how long no process may compute after this failure; empty: other processes may try at once. */
    default Optional<Duration> backOff(Throwable error) {
        return Optional.empty();
    }

    /** The load waits for another process. Called at most once. */
    default void remoteLoadAwaited() {}

    /** Returns the figure with the time since its computation added to its age. */
    default AgedUsage atPresentAge(AgedUsage figure) {
        return figure;
    }

    /**
     * Whether callers wait until the figure is stored; otherwise they receive it while {@link #store} is under way. An invalidation
     * waits for the store in either case.
     */
    default boolean isStoreAwaited() {
        return true;
    }

    /**
     * A figure was computed without a lease, and may be kept in this process's memory. Not called if the key was invalidated since
     * the load began; an invalidation that begins meanwhile waits for the return.
     *
     * @param cause why the store couldn't be reached, or refused
     */
    default void computedUncoordinated(AgedUsage figure, Throwable cause) {}

    /** The computed figure is stored in the {@link FlightStore}. */
    default void published() {}

    /** The computed figure isn't stored: the key was invalidated meanwhile, or the lease lost to another process. */
    default void publicationRejected() {}

    /**
     * The computed figure couldn't be stored in the {@link FlightStore}, and may be kept in this process's memory. An invalidation
     * waits for the return.
     */
    default void publicationFailed(AgedUsage figure, Throwable error) {}

    /** The load failed. Called before another load of the key can start, and before callers receive the error. */
    default void failed(Throwable error) {}

    /** No caller waits any more, though a computation may still run. Called once, before callers receive the outcome. */
    default void ended() {}

    /** A leader's lease, which a load gives up while it waits for its turn: another process may be able to compute at once. */
    interface Lease {

        /** Stands for the lease of a load that needs none. */
        Lease NONE = new Lease() {
            @Override
            public void suspend() {}

            @Override
            public CompletionStage<Boolean> resume() {
                return CompletableFuture.completedFuture(true);
            }
        };

        /** The load has to wait: releases the lease. Without effect after the first {@link #resume}. */
        void suspend();

        /**
         * The load can compute now: acquires the lease again, if it was released. To be called once.
         *
         * @return whether the load leads and is to compute; otherwise the engine goes on by itself. Doesn't fail
         */
        CompletionStage<Boolean> resume();
    }

    /** Returns the load itself if it has hooks, else one whose hooks do nothing. */
    static FlightTask of(SingleFlight.Load load) {
        return load instanceof FlightTask task ? task : new Plain(load);
    }

    /** A load without hooks. */
    record Plain(SingleFlight.Load load) implements FlightTask {
        @Override
        public LoadTerms terms() {
            return load.terms();
        }

        @Override
        public CompletionStage<LoadOutcome> compute() {
            return load.compute();
        }

        @Override
        public CompletionStage<Void> store(LoadOutcome outcome) {
            return load.store(outcome);
        }
    }
}
