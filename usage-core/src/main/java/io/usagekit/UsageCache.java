package io.usagekit;

import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Stores figures for a time. A cache that fails costs speed, never an answer: the service goes on without it.
 *
 * <p>Implementations are safe for use by many threads at once, don't block the caller for longer than a bound they
 * document, and complete every stage within that bound: with an answer or exceptionally with a {@link UsageCacheException}.
 * Stages may complete on any thread; the service runs no caller's code there. What has expired is removed, also where no caller asks
 * for it again: a cache doesn't grow with the number of keys ever put.
 *
 * <p>A cache that keeps a copy in this process's memory overrides {@link #near}, {@link #fallback} and
 * {@link #putFallback} as well, and {@link #readNear} if its hits are to cost little; all others leave them as they are.
 *
 * @since 0.1
 */
public interface UsageCache extends AutoCloseable {

    /**
     * Returns the figure stored for this key, with its age: the age at which it was put plus the time since then.
     *
     * @return empty if no figure is stored, it has expired, or it can't be read (a corrupted value or one of another
     *     version); the figure carries the key's own period label
     */
    CompletionStage<Optional<AgedUsage>> get(UsageKey key);

    /**
     * Returns the figures stored for several keys, each as {@link #get} does. A cache that can reads them in one round trip, or in one
     * for each node that holds some of them, which is why each has a stage of its own; this calls {@link #get} for each.
     *
     * @param keys different ones
     * @return a stage for each key
     */
    default Map<UsageKey, CompletionStage<Optional<AgedUsage>>> getAll(Collection<UsageKey> keys) {
        Map<UsageKey, CompletionStage<Optional<AgedUsage>>> figures = new LinkedHashMap<>();
        for (UsageKey key : keys) {
            figures.put(key, get(key));
        }
        return figures;
    }

    /**
     * Stores a figure, replacing the one stored for this key.
     *
     * @param key which figure
     * @param entry the figure and how old it is already
     * @param timeToLive how long to store it from now on, at least 1 ms
     * @return completes when the figure is visible to every reader
     * @throws IllegalArgumentException if {@code entry} is of another key, or {@code timeToLive} is shorter than 1 ms
     */
    CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive);

    /**
     * Removes the figure stored for this key.
     *
     * @return completes when no reader finds it any more; exceptionally if that can't be guaranteed
     */
    CompletionStage<Void> invalidate(UsageKey key);

    /**
     * Removes the figures stored for this organisation, of all periods.
     *
     * @param organisationId as in {@link UsageKey}
     * @return completes when no reader finds any of them any more; exceptionally if that can't be guaranteed
     */
    CompletionStage<Void> invalidate(String organisationId);

    /**
     * Returns the figure that this process's memory holds, without I/O, if it is known to be the one that {@link #get} would return.
     *
     * @return empty if there is none, or it isn't known to be current any more; the figure carries the key's own period label
     */
    default Optional<AgedUsage> near(UsageKey key) {
        return Optional.empty();
    }

    /**
     * Passes the figure that {@link #near} returns to a function, without objects for the answer and the age: a service calls this for each
     * hit in memory. This calls {@link #near}.
     *
     * @param <T> what the function makes of the figure
     * @param reader called at most once, on this thread
     * @return what the function returns; null if {@code near} would return nothing
     */
    default <T> @Nullable T readNear(UsageKey key, NearReader<T> reader) {
        AgedUsage figure = near(key).orElse(null);
        return figure == null ? null : reader.read(figure.usage(), TimeUnit.NANOSECONDS.convert(figure.age()));
    }

    /**
     * Receives a figure of a cache's memory. It does no I/O, and calls nothing of the cache.
     *
     * @param <T> what it makes of the figure
     */
    @FunctionalInterface
    interface NearReader<T> {

        /**
         * Reads the figure.
         *
         * @param ageNanos its age in nanoseconds; {@link Long#MAX_VALUE} if that is more than a {@code long} holds
         */
        @Nullable
        T read(OrganisationUsage usage, long ageNanos);
    }

    /**
     * Returns the fallback copy: what this process's memory still holds while the cache behind it can't be reached. It was
     * right when it was computed, but may have been replaced or invalidated since. It is no older than its time to live.
     *
     * @return empty if there is nothing; the figure carries the key's own period label
     */
    default Optional<AgedUsage> fallback(UsageKey key) {
        return Optional.empty();
    }

    /**
     * Keeps a figure as a fallback copy only, since it couldn't be put: {@link #fallback} returns it, {@link #get} and
     * {@link #near} never do. Does nothing where there is no such memory.
     *
     * @param key which figure
     * @param entry the figure and how old it is already
     * @param timeToLive how long to keep it from now on
     */
    default void putFallback(UsageKey key, AgedUsage entry, Duration timeToLive) {}

    /** Returns what is known about this cache without I/O, for gauges; {@link Stats#UNKNOWN} by default. */
    default Stats stats() {
        return Stats.UNKNOWN;
    }

    /**
     * State of a cache.
     *
     * @param nearSize about how many figures it holds in this process's memory; empty if it has no such memory
     * @param shared whether the cache that processes share is reachable, as far as calls have shown
     * @param tracking whether what the memory holds is known to be current; {@link Condition#UNKNOWN} without such memory
     */
    record Stats(OptionalLong nearSize, Condition shared, Condition tracking) {

        /** Nothing is known. */
        public static final Stats UNKNOWN = new Stats(OptionalLong.empty(), Condition.UNKNOWN, Condition.UNKNOWN);

        /** Checks that nothing is null. */
        public Stats {
            Objects.requireNonNull(nearSize, "nearSize");
            Objects.requireNonNull(shared, "shared");
            Objects.requireNonNull(tracking, "tracking");
        }
    }

    /** Whether something works. */
    enum Condition {
        /** It isn't known. */
        UNKNOWN,
        /** It works. */
        UP,
        /** It doesn't work at present. */
        DOWN
    }

    /**
     * Sets the listener for events of this cache itself, such as {@link UsageListener#trackingLost} or {@link
     * UsageListener#entryUnreadable}. The service calls it once, before anything else.
     */
    default void observe(UsageListener listener) {}

    /**
     * Checks the arguments of {@link #put}; every implementation begins with it.
     *
     * @throws IllegalArgumentException if {@code entry} is of another key, or {@code timeToLive} is shorter than 1 ms
     */
    static void checkPut(UsageKey key, AgedUsage entry, Duration timeToLive) {
        if (!entry.usage().key().equals(key)) {
            throw new IllegalArgumentException("entry must be of key " + key + ", but was of "
                    + entry.usage().key());
        }
        if (timeToLive.compareTo(Duration.ofMillis(1)) < 0) {
            throw new IllegalArgumentException("timeToLive must be at least 1 ms, but was " + timeToLive);
        }
    }

    /**
     * Releases what this cache itself opened and holds in memory. From then on each call that returns a stage fails with
     * {@link UsageCacheException}, and {@link #near} and {@link #fallback} return nothing. Idempotent.
     */
    @Override
    default void close() {}
}
