package io.usagekit.postgres.rollups.internal;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import java.time.Duration;

/** Computes what PostgreSQL has of figures: no calculator, since a part isn't a figure. Safe for use by many threads at once. */
public interface PartCalculator {

    /**
     * Computes the part of a figure, in one snapshot.
     *
     * @throws UsageCalculationException as {@link io.usagekit.UsageCalculator#calculate}
     */
    FigurePart part(UsageKey key, Duration timeout);

    /** As {@link io.usagekit.UsageCalculator#canonicalId}. */
    String canonicalId(String organisationId);

    /** As {@link io.usagekit.UsageCalculator#knowsIds}. */
    boolean knowsIds();

    /** As {@link io.usagekit.UsageCalculator#learnIds}. */
    void learnIds(Duration timeout);
}
