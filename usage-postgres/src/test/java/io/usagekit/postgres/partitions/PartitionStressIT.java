package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.testing.Sample;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Partitions the tables and makes them plain again, in turn, while hosts write and record expected totals, and readers compare figures
 * and expected totals in one snapshot. Each protection that is left out is detected: one of them, at random, or each in
 * {@code -Pthorough}. How long that takes varies with the load of the
 * machine, since hosts block cut-overs.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
@Tag("thorough")
class PartitionStressIT {

    private static final boolean THOROUGH = Boolean.getBoolean("usagekit.thorough");

    /** Those that find nothing; where a protection is left out, there may be more. */
    private static final int ROUNDS = Integer.getInteger("usagekit.stress.rounds", THOROUGH ? 3 : 1);

    private final long seed = Long.getLong("usagekit.seed", new Random().nextLong());

    /** Sets what a run leaves out. */
    private interface Mistake {
        void in(PostgresPartitions.Builder settings);
    }

    private String run(int rounds, Mistake mistake) throws Exception {
        return run(rounds, dataSource -> dataSource, mistake);
    }

    /** Runs hosts and rewrites; returns the mismatch or error that was detected, or an empty text. */
    private String run(int rounds, UnaryOperator<DataSource> wrapper, Mistake mistake) throws Exception {
        System.out.println("PartitionStressIT: -Dusagekit.seed=" + seed);
        String detected = "";
        try (PartitionStress stress = THOROUGH || rounds > ROUNDS
                ? PartitionStress.withOverlappingReaders(seed)
                : PartitionStress.withOneReader(seed)) {
            stress.start();
            PostgresPartitions.Builder settings = stress.partitions(wrapper.apply(stress.dataSource()));
            mistake.in(settings);
            PostgresPartitions partitions = settings.build();
            try {
                for (int round = 0; round < rounds && stress.mismatches().isEmpty(); round++) {
                    partitions.partition(round % 2 == 0 ? PartitionInterval.WEEK : PartitionInterval.MONTH, stress);
                    partitions.unpartition(stress);
                }
            } catch (UsageStorageException e) {
                detected = String.valueOf(e.getMessage());
            }
            List<String> mismatches = stress.stop();
            System.out.println("PartitionStressIT: " + stress);
            if (!mismatches.isEmpty()) {
                detected = mismatches.size() + " mismatches, the first is " + mismatches.get(0);
            }
        }
        return detected;
    }

    @Test
    void losesNoRowAndKeepsTheFigureInEverySnapshot() throws Exception {
        assertThat(run(ROUNDS, settings -> {})).as("seed %s", seed).isEmpty();
    }

    /** By hosts, by readers, by the comparison before a cut-over, or by a unique key of the shadow table. */
    private static void assertDetected(String detected) {
        assertThat(detected)
                .containsAnyOf(" mismatches, the first is ", " rows, and its shadow table has ", "duplicate key");
    }

    /** What a run leaves out, each of which must be detected. */
    private enum Omission {
        UPDATES_IN_CHANGE_LOG,
        SNAPSHOT_OF_CATCH_UP,
        WAIT_FOR_SNAPSHOTS
    }

    static Stream<Omission> omissions() {
        return Sample.of(List.of(Omission.values()), 1);
    }

    @ParameterizedTest
    @MethodSource("omissions")
    void detectsWhatIsLeftOut(Omission omission) throws Exception {
        assertDetected(
                switch (omission) {
                    case UPDATES_IN_CHANGE_LOG ->
                        run(20, settings -> settings.source(MutatedStatements.WITHOUT_UPDATES_IN_CHANGE_LOG));
                    case SNAPSHOT_OF_CATCH_UP -> runInReadCommitted();
                    case WAIT_FOR_SNAPSHOTS ->
                        run(20, settings -> settings.source(MutatedStatements.WITHOUT_SNAPSHOT_WAIT));
                });
    }

    private String runInReadCommitted() throws Exception {
        WeakIsolationDataSource weakened = new WeakIsolationDataSource();
        return run(
                20,
                weakened::around,
                settings -> settings.probe(point -> {
                    if (point == RewriteProbe.Point.CATCHING_UP) {
                        weakened.weakenNext();
                    } else if (point == RewriteProbe.Point.CHANGES_APPLIED_UNCOMMITTED) {
                        assertThat(weakened.hasWeakened()).isTrue();
                        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
                    }
                }));
    }
}
