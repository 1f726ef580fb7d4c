package io.usagekit.postgres.partitions;

import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import org.junit.jupiter.api.AfterEach;

/** Tables of their own for each test, at noon of a day in March 2026, and what partitions them. */
abstract class PartitionSuite {

    static final PartitionProgress NOBODY = new PartitionProgress() {};

    final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
    final PartitionFixture scene = PartitionFixture.own(Database.pool(), Database.newSchema("part"));
    final PostgresPartitions partitions = partitions(RewriteOptions.DEFAULT);

    @AfterEach
    void end() {
        scene.close();
    }

    /** In batches that are smaller than the tables. */
    final PostgresPartitions partitions(RewriteOptions options) {
        return PostgresPartitions.builder(Database.pool())
                .mapping(scene.mapping)
                .clock(clock)
                .options(options.batchesOf(70))
                .build();
    }
}
