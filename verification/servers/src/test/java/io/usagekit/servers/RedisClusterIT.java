package io.usagekit.servers;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A cluster starts, and a node that was killed joins it again. */
@Timeout(120)
class RedisClusterIT {

    @Test
    void servesAllSlotsAgainOnceANodeThatWasKilledIsBack() {
        try (RedisCluster cluster = RedisCluster.start()) {
            assertThat(cluster.urls()).hasSize(2 * RedisCluster.MASTERS).doesNotHaveDuplicates();
            cluster.node(1).kill();
            cluster.node(1).restart();
            cluster.awaitCovered();
        }
    }

    @Test
    void knowsWhichNodeHasASlotAtFirst() {
        assertThat(RedisCluster.masterOf(0)).isZero();
        assertThat(RedisCluster.masterOf(5_461)).isEqualTo(1);
        assertThat(RedisCluster.masterOf(16_383)).isEqualTo(2);
    }
}
