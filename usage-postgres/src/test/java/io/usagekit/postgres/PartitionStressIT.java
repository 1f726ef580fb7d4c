package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCalculationException;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/**
 * The tables are partitioned and made plain again, over and over, while hosts write and keep books of it, and readers compare figures
 * and books in one snapshot. The same with each guard left out is caught.
 */
class PartitionStressIT {

    /** By hosts, by readers, or by the comparison before an exchange. */
    private static final Predicate<String> NOTICED =
            noticed -> noticed.contains(" mismatches, the first is ") || noticed.contains(" rows, and their copy has ");

    private static final int ROUNDS = Integer.getInteger("usagekit.stress.rounds", 1);

    private final long seed = Long.getLong("usagekit.seed", new Random().nextLong());

    private String run(int rounds, RebuildOptions options) throws Exception {
        System.out.println("PartitionStressIT: -Dusagekit.seed=" + seed);
        String noticed = "";
        try (PartitionStress stress = new PartitionStress(seed)) {
            stress.start();
            PostgresPartitions partitions = stress.partitions(options);
            try {
                for (int round = 0; round < rounds && stress.mismatches().isEmpty(); round++) {
                    partitions.partition(round % 2 == 0 ? PartitionStep.WEEK : PartitionStep.MONTH, stress);
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
        assertThat(run(ROUNDS, RebuildOptions.DEFAULT)).as("seed %s", seed).isEmpty();
    }

    @Test
    void withoutNotesOfUpdatesItIsNoticed() throws Exception {
        assertThat(run(
                        20,
                        RebuildOptions.DEFAULT.mutated(
                                "rebuild-notes.sql", "insert or update or delete on", "insert or delete on")))
                .matches(NOTICED);
    }

    @Test
    void withoutOneSnapshotOfNotesAndRowsItIsNoticed() throws Exception {
        assertThat(run(
                        20,
                        RebuildOptions.DEFAULT
                                .without(RebuildOptions.Guard.ONE_SNAPSHOT)
                                .probe(point -> {
                                    if (point == RebuildOptions.Point.RENEWED_UNCOMMITTED) {
                                        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
                                    }
                                })))
                .matches(NOTICED);
    }

    @Test
    void withoutTheWaitForSnapshotsItIsNoticed() throws Exception {
        assertThat(run(20, RebuildOptions.DEFAULT.without(RebuildOptions.Guard.WAIT_FOR_SNAPSHOTS)))
                .matches(NOTICED);
    }
}
