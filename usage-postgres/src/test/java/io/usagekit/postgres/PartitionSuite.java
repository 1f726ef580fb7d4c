package io.usagekit.postgres;

import io.usagekit.testkit.ManualClock;
import org.junit.jupiter.api.AfterEach;

/** Tables of their own for each test, at noon of a day in March 2026, and what partitions them. */
abstract class PartitionSuite {

    static final PartitionListener NOBODY = new PartitionListener() {};

    final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
    final PartitionScene scene = PartitionScene.own(Database.pool(), Database.newSchema("part"));
    final PostgresPartitions partitions = partitions(RebuildOptions.DEFAULT);

    @AfterEach
    void end() {
        scene.close();
    }

    /** In batches that are smaller than the tables. */
    final PostgresPartitions partitions(RebuildOptions options) {
        return PostgresPartitions.builder(Database.pool())
                .mapping(scene.mapping)
                .clock(clock)
                .options(options.batchesOf(70))
                .build();
    }
}
