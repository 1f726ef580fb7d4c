package io.usagekit;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Answer to a call for several figures. Each requested key is in one of the two maps, in the requested order.
 *
 * @param results what is known: figures, and those that are pending
 * @param failures why the others have no figure: for each key what a call for it alone would have thrown
 * @since 0.1
 */
public record UsageResults(Map<UsageKey, UsageResult> results, Map<UsageKey, UsageException> failures) {

    /** Copies the maps. */
    public UsageResults {
        results = Collections.unmodifiableMap(new LinkedHashMap<>(results));
        failures = Collections.unmodifiableMap(new LinkedHashMap<>(failures));
    }

    /**
     * Returns the result of a key.
     *
     * @throws UsageException if the figure failed
     * @throws IllegalArgumentException if the key wasn't requested
     */
    public UsageResult get(UsageKey key) {
        UsageResult result = results.get(key);
        if (result != null) {
            return result;
        }
        UsageException failure = failures.get(key);
        if (failure != null) {
            throw failure;
        }
        throw new IllegalArgumentException("key must be one of the requested ones, but was " + key);
    }
}
