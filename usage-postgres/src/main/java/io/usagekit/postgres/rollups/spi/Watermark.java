package io.usagekit.postgres.rollups.spi;

import java.time.Instant;
import java.util.Objects;

/**
 * How far a store is complete: its cells and projects with versions up to this one are the state that PostgreSQL had at an instant, in which no
 * hour was to be shipped or re-rolled.
 *
 * @param version of the cycle
 * @param asOf an instant before the snapshot of that state was taken, by the roll-ups' clock
 * @param coveredFrom the hours of every project from here on are complete; {@link Instant#MIN} if the whole history is
 * @param coveredBefore those before here are
 * @since 0.1
 */
public record Watermark(long version, Instant asOf, Instant coveredFrom, Instant coveredBefore) {

    /** Checks for null. */
    public Watermark {
        Objects.requireNonNull(asOf, "asOf");
        Objects.requireNonNull(coveredFrom, "coveredFrom");
        Objects.requireNonNull(coveredBefore, "coveredBefore");
    }
}
