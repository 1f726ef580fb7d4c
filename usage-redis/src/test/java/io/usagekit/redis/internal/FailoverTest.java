package io.usagekit.redis.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class FailoverTest {

    private final Failover failover = new Failover();

    /** The address still leads to a read-only server: connections are replaced after a second, two more and so on. */
    @Test
    void replacesConnectionsOnceHoweverManyWritesAreRefused() {
        long began = System.nanoTime();
        assertThat(failover.readOnly(failover.epoch())).isTrue();
        int again = 0;
        for (int write = 0; write < 1_000; write++) {
            again += failover.readOnly(failover.epoch()) ? 1 : 0;
        }
        assertThat((long) again)
                .as("replacements after the first one")
                .isLessThanOrEqualTo(TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - began));
        assertThat(failover.isReadOnly()).isTrue();
    }

    @Test
    void replacesEachConnectionMadeBeforeTheRefusal() {
        long before = failover.epoch();
        assertThat(failover.readOnly(before)).isTrue();
        assertThat(failover.readOnly(before)).isTrue();
        assertThat(failover.epoch()).as("of one failover").isEqualTo(before + 1);
    }

    @Test
    void takesTheNextRefusalAfterASuccessfulWriteForAnotherFailover() {
        for (int time = 0; time < 5; time++) {
            assertThat(failover.readOnly(failover.epoch())).isTrue();
            failover.writable();
            assertThat(failover.isReadOnly()).isFalse();
        }
    }
}
