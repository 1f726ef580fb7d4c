package io.usagekit.postgres.rollups.spi;

import io.usagekit.UsageCalculationException;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;

/**
 * Reads cells out of a store. It may find too little without noticing, such as from a replica that lags or a shard that has lost rows: the
 * versions' sum of each project is compared with the one that PostgreSQL expects. What it must not do is to return a part of what it found,
 * or sums that have overflowed. Safe for use by many threads at once.
 *
 * @since 0.1
 */
@FunctionalInterface
public interface CellReader {

    /**
     * Reads the sums of days. Of each project and hour the cell with the highest version up to {@code version} counts, and those above it
     * don't. Blocks.
     *
     * @param version the highest that counts
     * @param days not empty; several of one project don't overlap
     * @param timeout how long it may take, positive
     * @return by the projects' ids; a project without cells may be left out
     * @throws UsageCalculationException if the store, or a part of it, doesn't answer by then, or a sum exceeds {@code long}
     */
    Map<String, ShippedUsage> read(long version, Collection<ProjectDays> days, Duration timeout);
}
