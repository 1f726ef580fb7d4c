package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCalculationException;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/**
 * The tables are partitioned and made plain again, over and over, while hosts write and keep books of it, and readers compare figures
 * and books in one snapshot. The same with each guard left out is caught.
 */
class PartitionStressIT {

    private static final int ROUNDS = Integer.getInteger("usagekit.stress.rounds", Boolean.getBoolean("usagekit.thorough") ? 3 : 1);

    private final long seed = Long.getLong("usagekit.seed", new Random().nextLong());

    private String run(int rounds, RewriteOptions options) throws Exception {
        System.out.println("PartitionStressIT: -Dusagekit.seed=" + seed);
        String noticed = "";
        try (PartitionStress stress = new PartitionStress(seed)) {
            stress.start();
            PostgresPartitions partitions = stress.partitions(options);
            try {
                for (int round = 0; round < rounds && stress.mismatches().isEmpty(); round++) {
                    partitions.partition(round % 2 == 0 ? PartitionInterval.WEEK : PartitionInterval.MONTH, stress);
                    partitions.unpartition(stress);
                }
            } catch (UsageCalculationException e) {
                noticed = String.valueOf(e.getMessage());
            }
            List<String> mismatches = stress.stop();
            System.out.println("PartitionStressIT: " + stress);
            if (!mismatches.isEmpty()) {
                noticed = mismatches.size() + " mismatches, the first is " + mismatches.get(0);
            }
        }
        return noticed;
    }

    @Test
    void noRowIsLostAndEverySnapshotHasTheFigureOfTheBooks() throws Exception {
        assertThat(run(ROUNDS, RewriteOptions.DEFAULT)).as("seed %s", seed).isEmpty();
    }

    /** By hosts, by readers, by the comparison before an exchange, or by a unique key of the copy. */
    private static void assertNoticed(String noticed) {
        assertThat(noticed).containsAnyOf(" mismatches, the first is ", " rows, and their copy has ", "duplicate key");
    }

    @Test
    void withoutNotesOfUpdatesItIsNoticed() throws Exception {
        assertNoticed(run(
                20,
                RewriteOptions.DEFAULT.mutated(
                        "rebuild-notes.sql", "insert or update or delete on", "insert or delete on")));
    }

    @Test
    void withoutOneSnapshotOfNotesAndRowsItIsNoticed() throws Exception {
        assertNoticed(run(
                20,
                RewriteOptions.DEFAULT
                        .without(RewriteOptions.Guard.ONE_SNAPSHOT)
                        .probe(point -> {
                            if (point == RewriteOptions.Point.RENEWED_UNCOMMITTED) {
                                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
                            }
                        })));
    }

    @Test
    void withoutTheWaitForSnapshotsItIsNoticed() throws Exception {
        assertNoticed(run(20, RewriteOptions.DEFAULT.without(RewriteOptions.Guard.WAIT_FOR_SNAPSHOTS)));
    }
}
