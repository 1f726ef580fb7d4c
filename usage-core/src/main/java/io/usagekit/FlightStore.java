package io.usagekit;

import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;

/**
 * Storage that processes share for {@linkplain SingleFlights#fleetWide fleet-wide single-flight}: for each key the stored figure,
 * a lease on computing it, and fencing tokens. Each method is one atomic step; the algorithm over these steps is part of this
 * library's core.
 *
 * <p>A <em>fence</em> is a number issued with every lease on a key, greater than all issued for that key before. A figure is
 * stored only under the fence issued last, so that a leader that has lost its lease without noticing (it was paused, or its
 * connection was cut) can't overwrite a newer figure. The protocol is that of Martin Kleppmann's <a
 * href="https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html">How to do distributed locking</a>.
 *
 * <p>Implementations are safe for use by many threads at once, never block the caller, and complete every stage within a
 * bound that they document: with an answer, or exceptionally with a {@link UsageCacheException}. Stages and wake-ups may
 * complete on any thread; what the core does there is short and doesn't block.
 *
 * @since 0.1
 */
public interface FlightStore extends AutoCloseable {

    /**
     * Terms on which a figure is read or else the lease on computing it is acquired.
     *
     * @param token identifies the requesting load; unique to one load of one process
     * @param lease how long an acquired lease lasts unless it is renewed
     * @param acceptableAge a stored figure younger than this is returned; zero: none is
     * @param awaitedFence the fence of a load that the requesting one has been waiting for: a figure stored under that fence or
     *     a later one is returned, whatever its age
     */
    record LeaseRequest(String token, Duration lease, Duration acceptableAge, OptionalLong awaitedFence) {}

    /** Result of {@link #acquire}. */
    sealed interface Acquisition {

        /** A stored figure meets the terms; it carries the key's own period label. */
        record Found(AgedUsage figure) implements Acquisition {}

        /** The lease is acquired, under this fence: compute. */
        record Acquired(long fence) implements Acquisition {}

        /** Another load holds the lease, under this fence, for this long unless it renews it. */
        record Held(long fence, Duration remaining) implements Acquisition {}

        /** The load of this fence failed for this reason, and no process may compute for this long. */
        record Failed(long fence, String reason, Duration remaining) implements Acquisition {}
    }

    /** Result of {@link #publish}. */
    sealed interface Publication {

        /** The figure is stored, the lease is released, and waiting processes have been woken. */
        record Stored() implements Publication {}

        /** Rejected: a newer figure is stored, namely this one; it carries the key's own period label. */
        record Superseded(AgedUsage newer) implements Publication {}

        /** Rejected: another load, of this fence, has acquired the lease since and hasn't stored a figure yet. */
        record LeaseLost(long fence) implements Publication {}

        /** Rejected: the key was invalidated while the figure was computed, or the store has no record of this fence. */
        record Invalidated() implements Publication {}
    }

    /**
     * Reads the figure or acquires the lease, in one step: {@link Acquisition.Found} if a stored figure meets the terms; else
     * {@link Acquisition.Failed} or {@link Acquisition.Held} if there is a failure or a lease; else
     * {@link Acquisition.Acquired}.
     */
    CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request);

    /**
     * Extends the lease to this long from now on, if this token still holds it.
     *
     * @return whether it did
     */
    CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease);

    /**
     * Stores a figure and releases the lease, if this fence is the one issued last (also where the lease has expired
     * meanwhile). Wakes those who wait, in every process.
     *
     * @param timeToLive how long to keep the figure from now on, at least 1 ms
     * @throws IllegalArgumentException if {@code figure} is of another key, or {@code timeToLive} is shorter than 1 ms
     */
    CompletionStage<Publication> publish(UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive);

    /** Releases the lease without a figure, if this token still holds it, and wakes those who wait. */
    CompletionStage<Void> release(UsageKey key, String token);

    /**
     * Releases the lease, if this token still holds it, records its load as failed for a while, and wakes those who wait.
     *
     * @param reason for the messages of other processes; at most 200 characters of it are kept
     * @param backOff how long no process may compute, at least 1 ms
     */
    CompletionStage<Void> fail(UsageKey key, String token, String reason, Duration backOff);

    /**
     * Removes the figure, the lease and a failure of this key together, so that a load in flight can't store its figure, and
     * wakes those who wait.
     *
     * @return completes when no reader finds the figure any more and no computation that began before can be stored;
     *     exceptionally if that can't be guaranteed
     */
    CompletionStage<Void> invalidate(UsageKey key);

    /** Does as {@link #invalidate(UsageKey)} for every period of this organisation. */
    CompletionStage<Void> invalidate(String organisationId);

    /**
     * Whether this cache is over the same data, so that its invalidations do all that this store's do. A service then calls those of the
     * cache alone: the second of two in a row would reject a load that has started in between.
     *
     * @return false if it isn't, or that isn't known; the service then calls both
     */
    default boolean isInvalidatedBy(UsageCache cache) {
        return false;
    }

    /**
     * Runs an action whenever the key's lease is released, its figure stored or the key invalidated, by any process, until the
     * registration is closed. Wake-ups may be lost: a waiting load also polls.
     */
    Registration onWakeUp(UsageKey key, Runnable action);

    /** Registration of a wake-up action. */
    @FunctionalInterface
    interface Registration extends AutoCloseable {
        /** Stops further wake-ups. Idempotent; a wake-up that is under way may still arrive. */
        @Override
        void close();
    }

    /**
     * Releases what this store itself opened; leases stay until they end. From then on each call that returns a stage fails with
     * {@link UsageCacheException}. Idempotent.
     */
    @Override
    default void close() {}
}
