package io.usagekit.postgres.partitions;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Which shape the tables have.
 *
 * @since 0.1
 */
public record PartitionStatus(Table events, Table deliveries) {

    /**
     * One of the two tables.
     *
     * @param step by what it is partitioned; empty if it is plain, or somebody else has partitioned it
     * @param partitions in the order of their times, the default one last; none if it is plain
     * @param rebuild if one is under way, or was ended half way
     */
    public record Table(Optional<PartitionInterval> step, List<Partition> partitions, Optional<Rebuild> rebuild) {
        public Table {
            partitions = List.copyOf(partitions);
        }
    }

    /**
     * A partition.
     *
     * @param lower from when on it has rows; with {@code upper} empty for the default partition, which has all others
     * @param upper before when
     * @param rows as PostgreSQL estimates; -1 where it never has
     */
    public record Partition(String name, Optional<Instant> lower, Optional<Instant> upper, long rows) {}

    /**
     * How far a rebuild is.
     *
     * @param target by what the table will be partitioned; empty if it will be plain
     * @param phase {@code COPYING}, {@code CATCHING_UP}, or {@code FINISHING} once the new table has taken the old one's place
     * @param copied rows that are copied
     * @param rows how many there were, as PostgreSQL estimated
     */
    public record Rebuild(Optional<PartitionInterval> target, String phase, long copied, long rows) {}
}
