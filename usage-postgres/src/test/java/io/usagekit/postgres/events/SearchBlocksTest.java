package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SearchBlocksTest {

    @Test
    void areTheSecondsBetweenTwoOthers() {
        long seed = Long.getLong("usagekit.seed", new Random().nextLong());
        Random random = new Random(seed);
        for (int n = 0; n < 2_000; n++) {
            long from = random.nextLong(SearchBlocks.SECONDS) >> random.nextInt(30);
            long before = Math.min(
                    from + (random.nextLong(SearchBlocks.SECONDS) >> random.nextInt(33)), SearchBlocks.SECONDS);
            long at = from;
            for (long block : SearchBlocks.between(from, before)) {
                int level = (int) (block >> 40);
                assertThat((block & ((1L << 40) - 1)) * SearchBlocks.length(level))
                        .as("start of block %s between %s and %s, seed %s", block, from, before, seed)
                        .isEqualTo(at);
                at += SearchBlocks.length(level);
            }
            assertThat(at).as("end of the blocks from %s, seed %s", from, seed).isEqualTo(before);
            assertThat(SearchBlocks.between(from, before)).hasSizeLessThanOrEqualTo(2 * 7 * 11);
        }
    }

    @Test
    void areFewFromOneEdgeToAnother() {
        assertThat(SearchBlocks.between(0, SearchBlocks.SECONDS)).containsExactly(SearchBlocks.ALL_TIME);
        assertThat(SearchBlocks.between(64, 512)).hasSize(7);
        assertThat(SearchBlocks.between(5, 5)).isEmpty();
        assertThat(SearchBlocks.levelOf(1)).isZero();
        assertThat(SearchBlocks.levelOf(9)).isEqualTo(2);
        assertThat(SearchBlocks.length(SearchBlocks.levelOf(Long.MAX_VALUE))).isEqualTo(SearchBlocks.SECONDS);
    }

    @Test
    void keepTimesBeforeAndAfterThemAtTheirEdges() {
        assertThat(SearchBlocks.second(Instant.MIN)).isZero();
        assertThat(SearchBlocks.second(Instant.parse("1970-01-01T00:00:01.999999Z")))
                .isEqualTo(1);
        assertThat(SearchBlocks.second(Instant.MAX)).isEqualTo(SearchBlocks.SECONDS - 1);
    }
}
