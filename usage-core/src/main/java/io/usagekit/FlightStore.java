package io.usagekit;

import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;

/**
 * What processes need to share for {@linkplain SingleFlight#fleetWide single-flight across
 * the fleet}: for each key the
 * figure that is kept, a lease on computing it, and fencing tokens. Each method is one atomic step; the algorithm over them
 * is the core's.
 *
 * <p>A <em>fence</em> is a number issued with every lease on a key, greater than all issued for that key before. A figure is
 * stored only under the fence issued last, so that a leader which has lost its lease without noticing (it was paused, or cut
 * off) can't overwrite a newer figure. The protocol is that of Martin Kleppmann's <a
 * href="https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html">How to do distributed locking</a>.
 *
 * <p>Implementations are safe for use by many threads at once, never block the caller, and complete every stage within a
 * bound that they document: with an answer, or exceptionally with a {@link UsageCacheException}. Stages and wake-ups may
 * come on any thread; what the core does there is short and doesn't block.
 *
 * @since 0.1
 */
public interface FlightStore extends AutoCloseable {

    /**
     * On which terms a figure is read or else its lease acquired.
     *
     * @param token names the one who asks; unique to one flight of one process
     * @param lease how long a lease that is granted lasts unless renewed
     * @param acceptableAge a kept figure younger than this is found; zero: none is
     * @param followed the fence of a flight that the one who asks has been waiting for: a figure stored under that fence or a
     *     later one is found, whatever its age
     */
    record Terms(String token, Duration lease, Duration acceptableAge, OptionalLong followed) {}

    /** What {@link #claim} came to. */
    sealed interface Claim {

        /** There is a figure that meets the terms; it carries the key's own period label. */
        record Found(AgedUsage figure) implements Claim {}

        /** The lease is granted, under this fence: compute. */
        record Granted(long fence) implements Claim {}

        /** Another has the lease, under this fence, for this long unless renewed. */
        record Held(long fence, Duration remaining) implements Claim {}

        /** The flight of this fence failed for this reason, and nobody may compute for this long. */
        record Failed(long fence, String reason, Duration remaining) implements Claim {}
    }

    /** What {@link #publish} came to. */
    sealed interface Publication {

        /** The figure is stored, the lease given back, and those who wait have been woken. */
        record Stored() implements Publication {}

        /** Not stored: a newer figure is, namely this one; it carries the key's own period label. */
        record Superseded(AgedUsage newer) implements Publication {}

        /** Not stored: another flight, of this fence, was granted the lease since and hasn't stored a figure yet. */
        record Outrun(long fence) implements Publication {}

        /** Not stored: the key was invalidated while the figure was computed, or the store has forgotten this fence. */
        record Forgotten() implements Publication {}
    }

    /**
     * Reads the figure or acquires the lease, in one step: {@link Claim.Found} if a kept figure meets the terms; else
     * {@link Claim.Failed} or {@link Claim.Held} if there is such a mark or lease; else {@link Claim.Granted}.
     */
    CompletionStage<Claim> claim(UsageKey key, Terms terms);

    /**
     * Makes the lease last this long from now on, if it is still this token's.
     *
     * @return whether it was
     */
    CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease);

    /**
     * Stores a figure and gives the lease back, if this fence is the one issued last (also where the lease has run out
     * meanwhile). Wakes those who wait, in every process.
     *
     * @param timeToLive how long to keep the figure from now on, at least 1 ms
     * @throws IllegalArgumentException if {@code figure} is of another key, or {@code timeToLive} is shorter than 1 ms
     */
    CompletionStage<Publication> publish(UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive);

    /** Gives the lease back without a figure, if it is still this token's, and wakes those who wait. */
    CompletionStage<Void> release(UsageKey key, String token);

    /**
     * Gives the lease back, if it is still this token's, and marks its flight as failed for a while, and wakes those who wait.
     *
     * @param reason for the messages of others; at most 200 characters of it are kept
     * @param backOff how long nobody may compute, at least 1 ms
     */
    CompletionStage<Void> fail(UsageKey key, String token, String reason, Duration backOff);

    /**
     * Forgets the figure, the lease and a failure of this key together, so that what is being computed is not stored, and
     * wakes those who wait.
     *
     * @return completes when no reader will find the figure, nor any computation that began before be stored; exceptionally
     *     if that can't be said
     */
    CompletionStage<Void> invalidate(UsageKey key);

    /** {@link #invalidate(UsageKey)} for every period of this organisation. */
    CompletionStage<Void> invalidate(String organisationId);

    /**
     * Has this run whenever the key's lease is given back, its figure stored or it is invalidated, by whichever process,
     * until the registration is closed. Wake-ups may be lost: who waits also polls.
     */
    Registration onWakeUp(UsageKey key, Runnable action);

    /** Stops wake-ups. */
    @FunctionalInterface
    interface Registration extends AutoCloseable {
        /** Idempotent; a wake-up that is under way may still come. */
        @Override
        void close();
    }

    /** Releases what this store itself opened. Idempotent. */
    @Override
    default void close() {}
}
