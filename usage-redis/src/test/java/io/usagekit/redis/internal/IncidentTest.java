package io.usagekit.redis.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import org.junit.jupiter.api.RepeatedTest;

class IncidentTest {

    /** The addresses of a cluster's nodes may change for as long as its client lives. */
    @RepeatedTest(3)
    void keepsNoIncidentThatNoLogHasAnyMore() {
        RedisClient client = RedisClient.create();
        try {
            OutageLog kept = new OutageLog(client, "node 0 is away", "node 0 is back");
            for (int node = 1; node < 100; node++) {
                OutageLog log = new OutageLog(client, "node " + node + " is away", "node is back");
                assertThat(log.isOngoing()).isFalse();
            }
            long deadline = System.nanoTime() + 30_000_000_000L;
            while (OutageLog.Incident.count(client) > 10 && System.nanoTime() < deadline) {
                System.gc();
                OutageLog again = new OutageLog(client, "node 0 is away", "node 0 is back");
                assertThat(again.isOngoing()).isEqualTo(kept.isOngoing());
            }
            assertThat(OutageLog.Incident.count(client)).isBetween(1, 10);
        } finally {
            client.shutdown();
        }
    }
}
