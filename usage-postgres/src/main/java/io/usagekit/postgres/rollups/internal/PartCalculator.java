package io.usagekit.postgres.rollups.internal;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import java.time.Duration;

/** Computes what PostgreSQL has of figures. Safe for use by many threads at once. */
public interface PartCalculator extends UsageCalculator {

    /**
     * Computes the part of a figure, in one snapshot.
     *
     * @throws UsageCalculationException as {@link #calculate}
     */
    FigurePart part(UsageKey key, Duration timeout);
}
