package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Cases at any reading of the ticker, overflow included. */
class TrackingValidityTest {

    private static final Duration VALID_FOR = Duration.ofNanos(100);

    @ParameterizedTest
    @ValueSource(longs = {0, 1_000_000, -50, Long.MAX_VALUE - 50, Long.MIN_VALUE})
    void expiresUnlessRenewed(long first) {
        TrackingValidity validity = new TrackingValidity(VALID_FOR, first);
        assertThat(validity.isValid(first - 1))
                .as("a clock read before the command was sent")
                .isTrue();
        assertThat(validity.isValid(first + 100)).isTrue();
        assertThat(validity.isValid(first + 101)).isFalse();

        validity.renew(first + 60);

        assertThat(validity.isValid(first + 160)).isTrue();
        assertThat(validity.isValid(first + 161)).isFalse();

        validity.renew(first + 10);

        assertThat(validity.isValid(first + 160))
                .as("renewed by an earlier command")
                .isTrue();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, Long.MAX_VALUE})
    void staysInvalidOnceEnded(long first) {
        TrackingValidity validity = new TrackingValidity(VALID_FOR, first);
        validity.end();
        validity.renew(first + 1);
        assertThat(validity.isValid(first + 1)).isFalse();
        assertThat(validity.hasEnded()).isTrue();
    }
}
