package io.usagekit.postgres.rollups.spi;

import java.time.Instant;
import java.util.Objects;

/**
 * How far a store is complete: its cells, days and projects with versions up to this one are the state that PostgreSQL had at an instant, in which
 * no hour was to be shipped or re-rolled. Those with lower versions than the first ones that count are from before the feed was installed, or before
 * PostgreSQL was restored.
 *
 * @param version of the cycle
 * @param asOf an instant before the snapshot of that state was taken, by the roll-ups' clock
 * @param coveredFrom the hours of every project from here on are complete; {@link Instant#MIN} if the whole history is
 * @param coveredBefore those before here are
 * @param cellsFrom the lowest version of cells and days that counts
 * @param projects which projects count
 * @since 0.1
 */
public record Watermark(
        long version,
        Instant asOf,
        Instant coveredFrom,
        Instant coveredBefore,
        long cellsFrom,
        Watermark.Projects projects) {

    /**
     * Which projects count, and what proves that the store has them all.
     *
     * @param from the lowest version that counts
     * @param versions the sum over all projects of their newest versions, each less the one before {@code from}
     * @since 0.1
     */
    public record Projects(long from, long versions) {}

    /** Checks for null. */
    public Watermark {
        Objects.requireNonNull(asOf, "asOf");
        Objects.requireNonNull(coveredFrom, "coveredFrom");
        Objects.requireNonNull(coveredBefore, "coveredBefore");
        Objects.requireNonNull(projects, "projects");
    }
}
