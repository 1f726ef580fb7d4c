package io.usagekit.postgres.partitions;

import java.util.List;

/**
 * What {@link PostgresPartitions#createAhead} did.
 *
 * @param created the names of partitions that are new
 * @param occupied the names of those that couldn't be created: rows of their time stand in the default partition already; {@link
 *     PostgresPartitions#partition} makes all partitions anew
 * @since 0.1
 */
public record CreateAheadResult(List<String> created, List<String> occupied) {
    public CreateAheadResult {
        created = List.copyOf(created);
        occupied = List.copyOf(occupied);
    }
}
