package io.usagekit.postgres.rollups.spi;

import io.usagekit.UsageCalculationException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
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
     * Reads the sums of days, divided at instants. Of each project and hour the cell with the highest version up to {@code version} counts, and
     * those above it don't. Blocks.
     *
     * @param version the highest that counts
     * @param days not empty; several of one project don't overlap
     * @param edges of slices, at least two in their order, between which all of these hours are; none is within one of them
     * @param timeout how long it may take, positive
     * @return by the projects' ids, what each slice has, as many as there are slices; a project without cells may be left out
     * @throws UsageCalculationException if the store, or a part of it, doesn't answer by then, or a sum exceeds {@code long}
     */
    Map<String, List<ShippedUsage>> read(
            long version, Collection<ProjectDays> days, List<Instant> edges, Duration timeout);

    /** Reads the sums of days as the other method does, without dividing them. */
    default Map<String, ShippedUsage> read(long version, Collection<ProjectDays> days, Duration timeout) {
        Map<String, ShippedUsage> read = new HashMap<>();
        read(version, days, List.of(ProjectDays.START, ProjectDays.END), timeout)
                .forEach((projectId, slices) -> read.put(projectId, slices.get(0)));
        return read;
    }
}
