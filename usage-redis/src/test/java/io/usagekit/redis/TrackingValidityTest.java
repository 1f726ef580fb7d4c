package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Wherever the ticker's numbers lie, and where they overflow. */
class TrackingValidityTest {

    private static final Duration VALID_FOR = Duration.ofNanos(100);

    @ParameterizedTest
    @ValueSource(longs = {0, 1_000_000, -50, Long.MAX_VALUE - 50, Long.MIN_VALUE})
    void itLapsesUnlessItIsRenewed(long first) {
        TrackingValidity proof = new TrackingValidity(VALID_FOR, first);
        assertThat(proof.holds(first - 1))
                .as("a clock read before the command was sent")
                .isTrue();
        assertThat(proof.holds(first + 100)).isTrue();
        assertThat(proof.holds(first + 101)).isFalse();

        proof.renew(first + 60);

        assertThat(proof.holds(first + 160)).isTrue();
        assertThat(proof.holds(first + 161)).isFalse();

        proof.renew(first + 10);

        assertThat(proof.holds(first + 160))
                .as("an answer to an earlier command takes nothing")
                .isTrue();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, Long.MAX_VALUE})
    void onceOverItIsOverForGood(long first) {
        TrackingValidity proof = new TrackingValidity(VALID_FOR, first);
        proof.end();
        proof.renew(first + 1);
        assertThat(proof.holds(first + 1)).isFalse();
        assertThat(proof.isOver()).isTrue();
    }
}
