package io.usagekit.postgres.partitions;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * How the tables are partitioned, and how far a rewrite is.
 *
 * @since 0.1
 */
public record PartitionStatus(Table events, Table deliveries) {

    /**
     * The status of one of the two tables.
     *
     * @param interval by which it is partitioned; empty if it is plain, or was partitioned without {@link PostgresPartitions}
     * @param partitions in the order of their times, the default one last; empty if it is plain
     * @param rewrite that is running or was interrupted
     */
    public record Table(Optional<PartitionInterval> interval, List<Partition> partitions, Optional<Rewrite> rewrite) {
        public Table {
            partitions = List.copyOf(partitions);
        }
    }

    /**
     * A partition.
     *
     * @param lower time of its rows, inclusive; empty, as {@code upper} is, for the default partition, which has all other rows
     * @param upper time of its rows, exclusive
     * @param rows as PostgreSQL estimates; -1 if it was never analysed
     */
    public record Partition(String name, Optional<Instant> lower, Optional<Instant> upper, long rows) {}

    /**
     * The progress of a table's rewrite.
     *
     * @param target interval by which the table will be partitioned; empty if it will be plain
     * @param phase {@code COPYING}, {@code CATCHING_UP}, or {@code FINISHING} after the cut-over
     * @param copied rows that are backfilled
     * @param rows how many there were at the start, as PostgreSQL estimated
     */
    public record Rewrite(Optional<PartitionInterval> target, String phase, long copied, long rows) {}
}
