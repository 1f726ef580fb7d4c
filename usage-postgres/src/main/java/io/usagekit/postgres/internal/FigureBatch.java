package io.usagekit.postgres.internal;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Figures that one statement computes together. Where a value is at fault (an id that doesn't fit its column or its domain, a sum that
 * exceeds bigint), PostgreSQL ends the whole statement: the batch is then computed as two halves, and so on, until only the figure at fault
 * fails.
 */
public final class FigureBatch {

    /** How many figures one statement computes at most. */
    public static final int MAX = 100;

    private static final Duration SHORTEST = Duration.ofMillis(1);

    /** Computes some figures by one statement, in a transaction of its own. */
    @FunctionalInterface
    public interface Statement {
        /** Returns an outcome for each of the keys. */
        CombinedQuery.Figures run(List<UsageKey> keys, Duration timeout) throws SQLException;
    }

    private final Duration timeout;
    private final Instant computedAt;
    private final Statement statement;
    private final long began = System.nanoTime();
    private final Map<UsageKey, OrganisationUsage> figures = new HashMap<>();
    private final Map<UsageKey, UsageException> failures = new HashMap<>();

    private FigureBatch(Duration timeout, Instant computedAt, Statement statement) {
        this.timeout = timeout;
        this.computedAt = computedAt;
        this.statement = statement;
    }

    /**
     * Computes figures.
     *
     * @param keys different ones
     * @param computedAt the figures' time
     * @throws IllegalArgumentException if there are more than {@value #MAX} keys
     */
    public static UsageCalculator.Figures compute(
            Collection<UsageKey> keys, Duration timeout, Instant computedAt, Statement statement) {
        SqlErrors.checkTimeout(timeout);
        if (keys.size() > MAX) {
            throw new IllegalArgumentException(
                    "a batch has at most " + MAX + " figures, but " + keys.size() + " were requested");
        }
        FigureBatch batch = new FigureBatch(timeout, computedAt, statement);
        if (!keys.isEmpty()) {
            batch.compute(List.copyOf(keys));
        }
        return new UsageCalculator.Figures(batch.figures, batch.failures);
    }

    private void compute(List<UsageKey> keys) {
        Duration left = timeout.minusNanos(System.nanoTime() - began);
        try {
            CombinedQuery.Figures some = statement.run(keys, left.compareTo(SHORTEST) < 0 ? SHORTEST : left);
            some.totals().forEach((key, totals) -> figures.put(key, totals.of(key, computedAt)));
            failures.putAll(some.failures());
        } catch (SQLException e) {
            if (SqlErrors.isDataError(e) && keys.size() > 1) {
                int half = keys.size() / 2;
                compute(keys.subList(0, half));
                compute(keys.subList(half, keys.size()));
            } else {
                keys.forEach(key -> failures.put(key, SqlErrors.explain(key, timeout, e)));
            }
        }
    }

    /** Returns when the first window of several keys starts. */
    public static Instant firstStart(List<UsageKey> keys) {
        return keys.stream()
                .map(key -> key.period().start())
                .min(Instant::compareTo)
                .orElseThrow();
    }

    /** Returns when the last window of several keys ends. */
    public static Instant lastEnd(List<UsageKey> keys) {
        return keys.stream()
                .map(key -> key.period().end())
                .max(Instant::compareTo)
                .orElseThrow();
    }
}
