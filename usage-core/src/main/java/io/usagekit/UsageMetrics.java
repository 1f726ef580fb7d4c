package io.usagekit;

/**
 * A number of things and their size. Exact: both are counted, neither is estimated.
 *
 * @param volume how many, at least 0
 * @param bytes how many octets, at least 0
 * @since 0.1
 */
public record UsageMetrics(long volume, long bytes) {

    /** Nothing at all: a computed zero, never a placeholder for a figure that isn't known. */
    public static final UsageMetrics ZERO = new UsageMetrics(0, 0);

    /**
     * @throws IllegalArgumentException if either is negative
     */
    public UsageMetrics {
        if (volume < 0) {
            throw new IllegalArgumentException("volume must be at least 0, but was " + volume);
        }
        if (bytes < 0) {
            throw new IllegalArgumentException("bytes must be at least 0, but was " + bytes);
        }
    }

    /**
     * The sum of both, exactly.
     *
     * @throws ArithmeticException if a sum exceeds {@link Long#MAX_VALUE}
     */
    public UsageMetrics plus(UsageMetrics other) {
        return new UsageMetrics(Math.addExact(volume, other.volume), Math.addExact(bytes, other.bytes));
    }
}
