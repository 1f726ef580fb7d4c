package io.usagekit;

import java.time.Duration;

/**
 * Receives the events of a service, for metrics and logs. A pure observer: every method does nothing unless overridden, and what
 * one throws is logged and dropped.
 *
 * <p>Called on the thread that does the work (a caller's, the executor's or a driver's), by many at once: implementations are
 * thread-safe, quick, and don't block.
 *
 * @since 0.1
 */
public interface UsageListener {

    /** The cache had a figure that can be served, of this age. */
    default void hit(UsageKey key, Tier tier, Duration age) {}

    /** There was no figure in the cache that can be served, or no cache. */
    default void miss(UsageKey key) {}

    /**
     * A figure past its soft limit was served.
     *
     * @param freshness {@link Freshness#STALE} or {@link Freshness#STALE_ON_ERROR}
     */
    default void staleServed(UsageKey key, Freshness freshness, Duration age) {}

    /** A caller got {@link Freshness#PENDING}: the figure isn't known yet. */
    default void pendingServed(UsageKey key) {}

    /**
     * A caller or a refresh requests a load: it is about to start one or to join the one in flight. One
     * {@link #loadCompleted} or {@link #loadFailed} follows for each request.
     */
    default void loadRequested(UsageKey key) {}

    /** A requested load has completed; called once for each request, before the requesting caller is answered. */
    default void loadCompleted(UsageKey key, LoadOutcome.Origin origin) {}

    /** A requested load has failed, or was dropped; called once for each request, before the requesting caller is answered. */
    default void loadFailed(UsageKey key, Throwable error) {}

    /** A caller or a refresh joined the load in flight in this process instead of starting another. */
    default void coalesced(UsageKey key) {}

    /** A load of this process waits for one of another process instead of computing. */
    default void remoteLoadAwaited(UsageKey key) {}

    /** A hit was older than the soft limit, and its refresh begins to compute. */
    default void refreshStarted(UsageKey key) {}

    /** A refresh was due but there was no permit or no thread for it; a later hit will start it. */
    default void refreshDropped(UsageKey key) {}

    /** A refresh failed; the figure it was to replace stays up to its limits: up to {@code ttl} if {@link UsageException#isTransient} is false. */
    default void refreshFailed(UsageKey key, Throwable error) {}

    /** A computation had to wait this long for its permit. */
    default void permitWaited(UsageKey key, Duration waited) {}

    /** A computation was refused, since the queue is full. */
    default void overloaded(UsageKey key) {}

    /** The calculator ran and returned a figure; it took this long. */
    default void computed(UsageKey key, Duration took) {}

    /**
     * A figure was computed that counts this many events and deliveries without their octets, which can't be known any more; see
     * {@link OrganisationUsage#unmeasured}.
     */
    default void unmeasured(UsageKey key, long rows) {}

    /**
     * The calculator failed, on a miss or in a refresh. Called for each failure, also where a stale figure hides it; the log has one
     * line for an incident.
     *
     * @param error a {@link UsageException}; whether it is an outage or a wrong setting says {@link UsageException#isTransient}
     */
    default void computationFailed(UsageKey key, Throwable error) {}

    /** A figure was computed but not stored: another load acquired the lease, or the key was invalidated. */
    default void publicationRejected(UsageKey key) {}

    /**
     * The cache held a value for this key that can't be read: corrupted, foreign, or of another version. It counts as a miss; a
     * cache that can do so deletes the value, unless it has been replaced meanwhile.
     */
    default void entryUnreadable(UsageKey key) {}

    /**
     * The cache couldn't be read; the call goes on without it.
     *
     * @param error whether it is an outage or a wrong setting says {@link UsageException#isTransient}, where it is a
     *     {@link UsageException}
     */
    default void cacheReadFailed(UsageKey key, Throwable error) {}

    /** The cache couldn't be written; the figure was served all the same. */
    default void cacheWriteFailed(UsageKey key, Throwable error) {}

    /** The fleet-wide single-flight couldn't reach its store; this process computes for itself. */
    default void coordinationFailed(UsageKey key, Throwable error) {}

    /** The near cache receives no invalidation messages any more: what it holds serves as fallback copies only. */
    default void trackingLost(String reason) {}

    /** The near cache receives invalidation messages again; it starts empty. */
    default void trackingRestored() {}

    /** Where a cached figure was found. */
    enum Tier {
        /** In this process's memory. */
        NEAR,
        /** In the cache that processes share: one round trip away. */
        SHARED
    }
}
