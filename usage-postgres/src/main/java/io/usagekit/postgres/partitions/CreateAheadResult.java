package io.usagekit.postgres.partitions;

import java.util.List;

/**
 * The result of {@link PostgresPartitions#createAhead}.
 *
 * @param created names of the new partitions
 * @param occupied names of the partitions that couldn't be created, since the default partition holds rows of their time; {@link
 *     PostgresPartitions#partition} creates them
 * @param refused tables that the host partitioned itself, in whole or in part, for which none can be created, and why
 * @since 0.1
 */
public record CreateAheadResult(List<String> created, List<String> occupied, List<String> refused) {
    public CreateAheadResult {
        created = List.copyOf(created);
        occupied = List.copyOf(occupied);
        refused = List.copyOf(refused);
    }
}
