package io.usagekit;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Result of warming up. Its three numbers of figures add up to the number of different organisations requested. Immutable.
 *
 * @since 0.1
 */
public final class WarmResult {

    private final int fresh;
    private final int computed;
    private final Map<String, UsageException> failures;

    /**
     * Copies the map.
     *
     * @param fresh how many figures were cached already
     * @param computed how many were computed
     * @param failures why the others weren't, by organisation id
     */
    public WarmResult(int fresh, int computed, Map<String, UsageException> failures) {
        this.fresh = fresh;
        this.computed = computed;
        this.failures = Collections.unmodifiableMap(new LinkedHashMap<>(failures));
    }

    /** How many figures were cached already, younger than the soft limit. */
    public int fresh() {
        return fresh;
    }

    /** How many were computed, here or by another process meanwhile. */
    public int computed() {
        return computed;
    }

    /** Why the others weren't, by organisation id, in the requested order. */
    public Map<String, UsageException> failures() {
        return failures;
    }

    /** Bean form of {@link #fresh()}. */
    public int getFresh() {
        return fresh;
    }

    /** Bean form of {@link #computed()}. */
    public int getComputed() {
        return computed;
    }

    /**
     * Bean form of {@link #failures()}, for a mapper without {@code usage-jackson}: the organisations only, since the messages of
     * exceptions name tables, servers and statements.
     */
    public Set<String> getFailedOrganisationIds() {
        return failures.keySet();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof WarmResult that
                && fresh == that.fresh
                && computed == that.computed
                && failures.equals(that.failures);
    }

    @Override
    public int hashCode() {
        return Objects.hash(fresh, computed, failures);
    }

    @Override
    public String toString() {
        return "WarmResult[fresh=" + fresh + ", computed=" + computed + ", failures=" + failures + "]";
    }
}
