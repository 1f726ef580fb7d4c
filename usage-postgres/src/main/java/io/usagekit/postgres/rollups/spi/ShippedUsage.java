package io.usagekit.postgres.rollups.spi;

import java.util.Objects;

/**
 * What a store has of a project's days: of each hour the cell with the highest version that isn't above the one that was asked for.
 *
 * @param sums of these cells
 * @param versions the sum of their versions
 * @since 0.1
 */
public record ShippedUsage(CellSums sums, long versions) {

    /** Of a project without cells. */
    public static final ShippedUsage NONE = new ShippedUsage(CellSums.ZERO, 0);

    /** Checks for null. */
    public ShippedUsage {
        Objects.requireNonNull(sums, "sums");
    }

    /**
     * Returns the sums of both.
     *
     * @throws ArithmeticException if one exceeds {@code long}
     */
    public ShippedUsage plus(ShippedUsage other) {
        return new ShippedUsage(sums.plus(other.sums), Math.addExact(versions, other.versions));
    }
}
