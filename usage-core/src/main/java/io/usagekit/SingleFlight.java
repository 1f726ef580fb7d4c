package io.usagekit;

import io.usagekit.internal.Arguments;
import io.usagekit.internal.flight.Delays;
import io.usagekit.internal.flight.Flights;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;

/**
 * Makes concurrent loads of one key run once: among the threads of this process, or across all processes of a fleet.
 *
 * <p>Implementations are safe for use by many threads at once and never block the caller.
 *
 * @since 0.1
 */
public interface SingleFlight extends AutoCloseable {

    /** How long a lease lasts unless it is renewed, which it is at every third of it: 5 s. */
    Duration DEFAULT_LEASE = Duration.ofSeconds(5);

    /** How often who waits for another process looks by itself, should the wake-up be lost: 100 ms, give or take a half. */
    Duration DEFAULT_POLL_INTERVAL = Duration.ofMillis(100);

    /**
     * Joins the load of this key that is under way in this process, or starts this one.
     *
     * <p>Everyone who joins gets the outcome of that one load: its figure or its error. An outcome is never handed to a call
     * made after the load has landed; that call starts a new one. What a caller does to the returned stage (cancel it, let it
     * time out) never reaches the load or another caller.
     *
     * @param key which figure
     * @param load what to do if it is this call's load that flies
     * @return fails with whatever the load failed with, without the wrappers of futures
     */
    CompletionStage<Landing> run(UsageKey key, Load load);

    /**
     * Makes the loads of this key that are under way keep nothing: those who have joined get their outcome, the next caller
     * starts a new one. Across the fleet, if this is fleet-wide; then the stored figure is forgotten with them.
     *
     * @return completes when no load that began before this call can be kept any more; exceptionally with a
     *     {@link UsageCacheException} if that can't be said
     */
    CompletionStage<Void> invalidate(UsageKey key);

    /** {@link #invalidate(UsageKey)} for all of an organisation's loads. */
    CompletionStage<Void> invalidate(String organisationId);

    /** Fails the loads under way, gives their leases back, and releases what this itself opened. Idempotent. */
    @Override
    default void close() {}

    /** How a load ended that didn't fail. */
    enum Origin {
        /** A figure was kept already by the time the load looked. */
        FOUND,
        /** This process computed it. */
        COMPUTED,
        /** Another process computed it while this one waited. */
        FOLLOWED,
        /** Another process is computing it, and this load doesn't wait for that: there is no figure. */
        LEFT
    }

    /**
     * What a load came to.
     *
     * @param figure empty exactly if {@code origin} is {@link Origin#LEFT}
     */
    record Landing(Optional<AgedUsage> figure, Origin origin) {

        /** With a figure. */
        public static Landing with(AgedUsage figure, Origin origin) {
            return new Landing(Optional.of(figure), origin);
        }

        /** Left to another process. */
        public static Landing left() {
            return new Landing(Optional.empty(), Origin.LEFT);
        }
    }

    /** Whether a load waits for another process that computes the same figure. */
    enum Patience {
        /** Until that one lands, or its own time is over. */
        WAITS,
        /** Not at all: it ends as {@link Origin#LEFT}. */
        LEAVES
    }

    /**
     * One load of one figure: the steps, and the terms. Its methods are called one at a time, on various threads, and return
     * without blocking; what they throw, or their stages complete exceptionally with, is the load's outcome unless said
     * otherwise.
     */
    interface Load {

        /** It is this load that flies. Called at most once, on the caller's thread, before any other step. */
        default void tookOff() {}

        /** How long it may fly; positive. When that is over its callers get {@link #timedOut()}, and nothing is kept. */
        Duration timeout();

        /** What callers get when its time is over; a {@link TimeoutException} by default. */
        default Throwable timedOut() {
            return new TimeoutException("not loaded within " + timeout());
        }

        /** A kept figure younger than this makes the computation unnecessary; at least zero, by default zero: none does. */
        default Duration acceptableAge() {
            return Duration.ZERO;
        }

        /** Whether it waits for other processes; it does by default. */
        default Patience patience() {
            return Patience.WAITS;
        }

        /**
         * Looks for a figure that makes the computation unnecessary. Called once before computing, where nothing else is
         * shared between processes. A look that fails found nothing.
         */
        default CompletionStage<Optional<AgedUsage>> lookAgain() {
            return CompletableFuture.completedFuture(Optional.empty());
        }

        /** Computes. May be called again, after the lease was lost to another process that then failed. */
        CompletionStage<AgedUsage> compute();

        /** Computes though the fleet can't be asked whether another process does already; by default as ever. */
        default CompletionStage<AgedUsage> computeAlone(Throwable why) {
            return compute();
        }

        /** Keeps what was computed, where {@link FlightStore#publish} doesn't. The load lands afterwards, even if it fails. */
        default CompletionStage<Void> keep(AgedUsage figure) {
            return CompletableFuture.completedFuture(null);
        }

        /** How long {@link FlightStore#publish} keeps the figure; less than 1 ms: not at all. */
        Duration timeToLive(AgedUsage figure);

        /** For how long no process shall compute after this failure of a computation; by default none is held off. */
        default Optional<Duration> backOff(Throwable error) {
            return Optional.empty();
        }

        /** It waits for another process. Called at most once. */
        default void remoteLoadAwaited() {}

        /** What was computed isn't kept: the key was invalidated meanwhile, or the lease lost to another. */
        default void publicationRejected() {}

        /** What was computed couldn't be kept in the {@link FlightStore}. */
        default void notKept(AgedUsage figure, Throwable error) {}

        /** It failed. Called before another load of the key can fly, and before callers hear of it. */
        default void failed(Throwable error) {}

        /** It is over: nobody waits for it any more, though a computation may still run. Called once, before callers hear. */
        default void landed() {}
    }

    /** Single-flight among the threads of this process, without locks and without threads of its own. */
    static SingleFlight inProcess() {
        return new Flights(Delays.SYSTEM);
    }

    /** Single-flight across all processes that share a store, with the default lease and poll interval. */
    static SingleFlight fleetWide(FlightStore store) {
        return fleetWide(store, DEFAULT_LEASE, DEFAULT_POLL_INTERVAL);
    }

    /**
     * Single-flight across all processes that share a store. Among the threads of this process it is as
     * {@link #inProcess()}; each flight of this process then reads the figure or acquires the lease on computing it, computes
     * and publishes under its fence, or waits for the one that has the lease. A leader that dies costs the others what is left
     * of its lease; one that was paused for longer than its lease stores nothing and returns nothing older than what is
     * stored. While the store can't be reached each process computes by itself. No thread of its own: timers are the JDK's.
     *
     * @param store closed with what is returned
     * @param lease how long a lease lasts unless it is renewed, which it is at every third of it; 100 ms to 1 min
     * @param pollInterval how often who waits looks by itself; jittered by a half up and down; 1 ms to {@code lease}
     * @throws IllegalArgumentException if {@code lease} or {@code pollInterval} is out of bounds
     */
    static SingleFlight fleetWide(FlightStore store, Duration lease, Duration pollInterval) {
        Arguments.between("lease", lease, Duration.ofMillis(100), Duration.ofMinutes(1));
        Arguments.between("pollInterval", pollInterval, Duration.ofMillis(1), lease);
        return new Flights(store, lease, pollInterval, Delays.SYSTEM);
    }
}
