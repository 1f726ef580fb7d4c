package io.usagekit.clickhouse;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Figures with days from ClickHouse, and those of history, agree with raw rows under concurrent changes of every kind while servers are killed; feeds
 * of rows beside them don't. It runs for 25 such figures, or for {@code -Dusagekit.stress.reads=10000}; {@code -Dusagekit.seed} repeats the changes of a
 * seed, but not how they interleave.
 */
@Tag("thorough")
class ClickHouseStressIT {

    private static final long READS = Long.getLong("usagekit.stress.reads", 25);

    /** The longest run on a slow machine. */
    private static final Duration BOUND = Duration.ofMinutes(5).plusMillis(400 * READS);

    @RegisterExtension
    private static final TestCluster cluster = TestCluster.own();

    private final long seed = Long.getLong("usagekit.seed", new Random().nextLong());

    @Test
    void equalsRawRowsInEverySnapshot() throws Exception {
        System.out.printf("ClickHouseStressIT: -Dusagekit.seed=%d%n", seed);
        try (ClickHouseStress stress = new ClickHouseStress(seed, cluster)) {
            ClickHouseStress.Result result = stress.run(READS, BOUND);
            System.out.printf("ClickHouseStressIT: %s%n", result);
            assertThat(result.reads().wrong()).as("%s, seed %d", result, seed).isEmpty();
            assertThat(result.reads().ofCells()).as("%s", result).isGreaterThanOrEqualTo(READS);
            assertThat(result.reads().ofHistory()).as("%s", result).isPositive();
            assertThat(result.retained()).as("%s", result).isPositive();
            assertThat(result.faults()).as("%s", result).containsOnlyKeys(ClickHouseStress.Fault.values());
            for (RowFeed.Variant variant : RowFeed.Variant.values()) {
                List<String> counts = stress.counts(variant);
                System.out.printf(
                        "ClickHouseStressIT: %s has %s, and %s is right%n", variant, counts.get(0), counts.get(1));
                assertThat(counts.get(0)).as("%s, seed %d", variant, seed).isNotEqualTo(counts.get(1));
            }
        }
    }
}
