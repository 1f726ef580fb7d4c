package io.usagekit;

import java.time.Duration;

/**
 * Told what the service does, for metrics and logs. Every method does nothing unless overridden.
 *
 * <p>Called on the thread that does the work (a caller's or the executor's), many at once: implementations are thread-safe
 * and quick. One that throws harms nobody: the exception is logged and dropped.
 *
 * @since 0.1
 */
public interface UsageListener {

    /** The cache had a figure, of this age. */
    default void hit(UsageKey key, Duration age) {}

    /** There was no figure in the cache, or no cache. */
    default void miss(UsageKey key) {}

    /** A caller or a refresh joined the computation under way instead of starting another. */
    default void coalesced(UsageKey key) {}

    /** A hit was older than the soft limit and a refresh was started. */
    default void refreshStarted(UsageKey key) {}

    /** A refresh was due but the executor had no room for it; a later hit will start it. */
    default void refreshDropped(UsageKey key) {}

    /** The calculator ran and returned a figure; it took this long. */
    default void computed(UsageKey key, Duration took) {}

    /** The calculator failed, on a miss or in a refresh. */
    default void computationFailed(UsageKey key, Throwable error) {}

    /** The cache couldn't be read; served without it. */
    default void cacheReadFailed(UsageKey key, Throwable error) {}

    /** The cache couldn't be written; the figure was served all the same. */
    default void cacheWriteFailed(UsageKey key, Throwable error) {}
}
