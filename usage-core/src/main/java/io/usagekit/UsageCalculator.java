package io.usagekit;

import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Computes a figure from the source of truth. The service calls it on a miss and to refresh, on its executor, at most once at
 * a time for one key in one process.
 *
 * <p>Implementations are safe for use by many threads at once.
 *
 * @since 0.1
 */
@FunctionalInterface
public interface UsageCalculator {

    /**
     * Computes the figure now, in one snapshot: it counts what was committed when the snapshot was taken, and its four numbers never
     * disagree. {@link OrganisationUsage#createdAt} says when this call computed it, and is read before the snapshot is taken: a figure
     * that says it was computed after its period's end has seen all that was committed by then. A calculator that reads a copy that lags
     * behind the source says there of when the copy is, and {@link #ageOf} says how long ago that was. Blocks.
     *
     * @param key which figure
     * @param timeout how long it may take, positive; an implementation gives up by then, since no caller waits any longer
     * @return the figure for exactly this key, with the label of its period; zeros for an organisation without events
     * @throws UsageCalculationException if it can't be computed, also after the timeout; the message says what failed, the cause, where
     *     there is one, why. Nothing else is thrown for a reason that lies in the source. A later call tries again.
     *     Made by {@link UsageCalculationException#permanent} where no retry cures the error, e.g. a wrong password
     */
    OrganisationUsage calculate(UsageKey key, Duration timeout);

    /**
     * Returns how long ago the state was that a figure is of. The service calls it as soon as {@link #calculate} has returned the figure, and counts
     * its limits from there on. Doesn't block. By default zero: the state is that of the call, whose own time the service adds.
     *
     * @return at least zero
     */
    default Duration ageOf(OrganisationUsage figure) {
        return Duration.ZERO;
    }

    /**
     * Returns an organisation's id as the source writes it: ids that the source takes for one organisation, such as two spellings of a
     * {@code uuid}, are written alike. The service caches, loads and invalidates figures under this id, and returns them under the one
     * that its caller passed. Doesn't block. Until {@link #knowsIds}, and by default, the id is returned as it is.
     *
     * @throws IllegalArgumentException if the source can't hold such an id; the message names it and the bound
     */
    default String canonicalId(String organisationId) {
        return organisationId;
    }

    /** Returns whether {@link #canonicalId} knows how the source writes ids; true by default. Doesn't block. */
    default boolean knowsIds() {
        return true;
    }

    /**
     * Asks the source how it writes ids, unless that is known. Blocks. The service calls it before the first call that it matters for.
     *
     * @param timeout how long it may take, positive
     * @throws UsageCalculationException if the source doesn't answer
     */
    default void learnIds(Duration timeout) {}

    /**
     * Returns how many figures one call of {@link #calculateAll} computes together; the service passes no more, and calls
     * {@link #calculate} for each figure if it is 1, as it is by default.
     *
     * @return at least 1
     */
    default int maxBatch() {
        return 1;
    }

    /**
     * Computes several figures now. Blocks. An implementation whose {@link #maxBatch} is greater than 1 computes all of them in one
     * snapshot, unless it documents which it doesn't; this one calls {@link #calculate} for each.
     *
     * @param keys which figures: different ones, at most {@link #maxBatch} unless that is 1
     * @param timeout how long all of them together may take, positive
     * @return an outcome for each key
     * @throws UsageCalculationException if none can be computed
     */
    default Figures calculateAll(Collection<UsageKey> keys, Duration timeout) {
        long began = System.nanoTime();
        Map<UsageKey, OrganisationUsage> figures = new LinkedHashMap<>();
        Map<UsageKey, UsageException> failures = new LinkedHashMap<>();
        for (UsageKey key : keys) {
            Duration left = timeout.minusNanos(System.nanoTime() - began);
            if (left.toMillis() < 1) {
                failures.put(
                        key,
                        new UsageCalculationException(
                                "the usage of " + key + " wasn't computed within " + timeout + ", like those before it",
                                null));
                continue;
            }
            try {
                figures.put(key, calculate(key, left));
            } catch (UsageException e) {
                failures.put(key, e);
            } catch (RuntimeException e) {
                failures.put(key, new UsageCalculationException("the usage of " + key + " can't be computed: " + e, e));
            }
        }
        return new Figures(figures, failures);
    }

    /**
     * Outcomes of {@link #calculateAll}. Each requested key is in one of the two maps.
     *
     * @param figures the figures that were computed
     * @param failures why the others weren't: what is wrong with one figure alone
     * @since 0.1
     */
    record Figures(Map<UsageKey, OrganisationUsage> figures, Map<UsageKey, UsageException> failures) {

        /** Copies the maps. */
        public Figures {
            figures = Map.copyOf(figures);
            failures = Map.copyOf(failures);
        }
    }
}
