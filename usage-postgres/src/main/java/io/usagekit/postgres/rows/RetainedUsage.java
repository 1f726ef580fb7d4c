package io.usagekit.postgres.rows;

import io.usagekit.UsageMetrics;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;

/**
 * The part of a figure that has no rows any more: the sums, kept by roll-ups, of rows that retention has deleted.
 *
 * @param usage how many rows they were, and their octets; none if all that the figure counts has a row
 * @param from the first quarter of an hour that such rows are of; empty if there are none
 * @param before the end of the last one
 * @param cut whether an edge of the period falls into such a quarter: then {@code usage} counts rows outside of the period, too, and
 *     the period has no figure
 * @since 0.1
 */
public record RetainedUsage(UsageMetrics usage, Optional<Instant> from, Optional<Instant> before, boolean cut) {

    /** Everything that the figure counts has a row. */
    public static final RetainedUsage NONE =
            new RetainedUsage(UsageMetrics.ZERO, Optional.empty(), Optional.empty(), false);

    /** Checks that nothing is null. */
    public RetainedUsage {
        Objects.requireNonNull(usage, "usage");
        Objects.requireNonNull(from, "from");
        Objects.requireNonNull(before, "before");
    }

    /** Whether rows are missing. */
    public boolean isAny() {
        return usage.volume() > 0;
    }
}
