package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.testing.Sample;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Figures from roll-ups agree with the combined query in every snapshot under concurrent changes of every kind; and the same test
 * detects each weakened variant (one at random, or all in {@code -Pthorough}). It runs for 3 s, or 30 s with {@code -Dusagekit.thorough=true}, or for
 * {@code -Dusagekit.stress.seconds=600}. {@code -Dusagekit.seed} repeats the changes of a seed, but not how they interleave.
 */
class RollupStressIT {

    private static final boolean THOROUGH = Boolean.getBoolean("usagekit.thorough");

    private static final Duration LENGTH =
            Duration.ofSeconds(Long.getLong("usagekit.stress.seconds", THOROUGH ? 30 : 3));

    /** The longest run on a slow machine, which has to reach the counts of {@link #hasSeenEnough}. */
    private static final Duration BOUND = LENGTH.plus(Duration.ofMinutes(5));

    private final long seed = Long.getLong("usagekit.seed", new Random().nextLong());

    @Test
    void equalsCombinedQueryInEverySnapshot() throws Exception {
        try (RollupStress stress = new RollupStress(seed, RollupStress.Variant.WHOLE)) {
            RollupStress.Result result =
                    stress.run((elapsed, soFar) -> !soFar.mismatches().isEmpty()
                            || elapsed.compareTo(BOUND) > 0
                            || (elapsed.compareTo(LENGTH) > 0 && hasSeenEnough(soFar)));
            System.out.printf("RollupStressIT: %s; -Dusagekit.seed=%d%n", result, seed);
            assertThat(result.mismatches()).as("seed %s", seed).isEmpty();
            assertThat(hasSeenEnough(result))
                    .as("enough happened: %s, seed %s", result, seed)
                    .isTrue();
        }
    }

    private static boolean hasSeenEnough(RollupStress.Result result) {
        int share = THOROUGH ? 1 : 2;
        return result.reads() >= 1_000 / share
                && result.readsOfRolled() >= 500 / share
                && result.readsOfMarked() >= 100 / share
                && result.advances() >= 10 / share
                && result.rerolled() >= 100 / share;
    }

    static Stream<RollupStress.Variant> weakenedVariants() {
        Set<RollupStress.Variant> weakened = EnumSet.complementOf(EnumSet.of(RollupStress.Variant.WHOLE));
        return Sample.of(List.copyOf(weakened), 1);
    }

    @ParameterizedTest
    @MethodSource("weakenedVariants")
    void detectsEachWeakenedVariant(RollupStress.Variant variant) throws Exception {
        try (RollupStress stress = new RollupStress(seed, variant)) {
            RollupStress.Result result =
                    stress.run((elapsed, soFar) -> !soFar.mismatches().isEmpty() || elapsed.compareTo(BOUND) > 0);
            System.out.printf("RollupStressIT, %s: %s; -Dusagekit.seed=%d%n", variant, result, seed);
            assertThat(result.mismatches()).as("%s, seed %s", variant, seed).isNotEmpty();
        }
    }
}
