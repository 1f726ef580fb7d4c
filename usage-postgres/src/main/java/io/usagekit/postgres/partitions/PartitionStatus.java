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
     * @param key by which it is partitioned, as PostgreSQL prints it, e.g. {@code RANGE (created_at)}; empty if it is plain
     * @param partitions in the order of their times or names, the default one last; empty if it is plain
     * @param rewrite that is running or was interrupted
     */
    public record Table(
            Optional<PartitionInterval> interval,
            Optional<String> key,
            List<Partition> partitions,
            Optional<Rewrite> rewrite) {
        public Table {
            partitions = List.copyOf(partitions);
        }
    }

    /**
     * A partition.
     *
     * @param lower time of its rows, inclusive; empty for the default partition, for one that isn't of a range of time, and where
     *     the range has no first time
     * @param upper time of its rows, exclusive; empty as {@code lower} is
     * @param rows as PostgreSQL estimates; -1 if it was never analysed
     * @param bound as PostgreSQL prints it, e.g. {@code FOR VALUES IN ('p')} or {@code DEFAULT}; times are in UTC
     * @param bytes on disk, with indexes and TOAST, partitions of it included
     * @param key by which it is partitioned in turn
     * @param partitions of it, as those of a table
     */
    public record Partition(
            String name,
            Optional<Instant> lower,
            Optional<Instant> upper,
            long rows,
            String bound,
            long bytes,
            Optional<String> key,
            List<Partition> partitions) {
        public Partition {
            partitions = List.copyOf(partitions);
        }
    }

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
