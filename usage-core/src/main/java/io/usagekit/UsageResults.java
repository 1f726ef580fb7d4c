package io.usagekit;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Answer to a call for several figures. Each requested key is in one of the two maps, in the requested order. Immutable.
 *
 * @since 0.1
 */
public final class UsageResults {

    private final Map<UsageKey, UsageResult> results;
    private final Map<UsageKey, UsageException> failures;

    /**
     * Copies the maps.
     *
     * @param results what is known: figures, and those that are pending
     * @param failures why the others have no figure
     */
    public UsageResults(Map<UsageKey, UsageResult> results, Map<UsageKey, UsageException> failures) {
        this.results = Collections.unmodifiableMap(new LinkedHashMap<>(results));
        this.failures = Collections.unmodifiableMap(new LinkedHashMap<>(failures));
    }

    /** What is known: figures, and those that are pending. */
    public Map<UsageKey, UsageResult> results() {
        return results;
    }

    /** Why the others have no figure: for each key what a call for it alone would have thrown. */
    public Map<UsageKey, UsageException> failures() {
        return failures;
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

    /** Bean form of {@link #results()}, for a mapper without {@code usage-jackson}: a list, since each result has its key. */
    public List<UsageResult> getResults() {
        return List.copyOf(results.values());
    }

    /**
     * Bean form of {@link #failures()}, for a mapper without {@code usage-jackson}: their keys only, since the messages of exceptions name
     * tables, servers and statements.
     */
    public Set<UsageKey> getFailedKeys() {
        return failures.keySet();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof UsageResults that && results.equals(that.results) && failures.equals(that.failures);
    }

    @Override
    public int hashCode() {
        return Objects.hash(results, failures);
    }

    @Override
    public String toString() {
        return "UsageResults[results=" + results + ", failures=" + failures + "]";
    }
}
