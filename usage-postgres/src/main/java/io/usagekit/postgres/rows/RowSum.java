package io.usagekit.postgres.rows;

import io.usagekit.UsageMetrics;
import java.util.Objects;

/**
 * The sum of all rows that a figure counts, on one side of it (received or sent), and what it counts besides.
 *
 * @param rows how many rows there are, and their octets
 * @param unmeasured how many of them have octets that aren't known
 * @param retained the part of the figure that has no rows any more
 * @since 0.1
 */
public record RowSum(UsageMetrics rows, long unmeasured, RetainedUsage retained) {

    /** Checks that nothing is null. */
    public RowSum {
        Objects.requireNonNull(rows, "rows");
        Objects.requireNonNull(retained, "retained");
    }

    /** Returns this side of the figure: the rows, and what retention has deleted. */
    public UsageMetrics figure() {
        return rows.plus(retained.usage());
    }
}
