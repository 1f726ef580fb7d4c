package io.usagekit.postgres.rollups.spi;

/**
 * What some rows count, as roll-ups sum it up: those of an hour, a day or any other time.
 *
 * @param receivedVolume events
 * @param receivedBytes their octets
 * @param sentVolume deliveries
 * @param sentBytes their octets
 * @param unmeasured rows whose size is neither stored nor measurable; a figure with one is an error
 * @param lostSizes rows that count without octets, which can't be known any more
 * @since 0.1
 */
public record CellSums(
        long receivedVolume, long receivedBytes, long sentVolume, long sentBytes, long unmeasured, long lostSizes) {

    /** Nothing. */
    public static final CellSums ZERO = new CellSums(0, 0, 0, 0, 0, 0);

    /**
     * Returns the sums of both.
     *
     * @throws ArithmeticException if one exceeds {@code long}
     */
    public CellSums plus(CellSums other) {
        return new CellSums(
                Math.addExact(receivedVolume, other.receivedVolume),
                Math.addExact(receivedBytes, other.receivedBytes),
                Math.addExact(sentVolume, other.sentVolume),
                Math.addExact(sentBytes, other.sentBytes),
                Math.addExact(unmeasured, other.unmeasured),
                Math.addExact(lostSizes, other.lostSizes));
    }
}
