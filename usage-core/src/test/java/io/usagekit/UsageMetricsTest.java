package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class UsageMetricsTest {

    @Test
    void aSumIsExactUpToTheLargestLong() {
        assertThat(new UsageMetrics(Long.MAX_VALUE - 1, 5).plus(new UsageMetrics(1, 7)))
                .isEqualTo(new UsageMetrics(Long.MAX_VALUE, 12));
        // 2^53 + 1 is what a double would lose.
        assertThat(new UsageMetrics(0, 1L << 53).plus(new UsageMetrics(0, 1)).bytes())
                .isEqualTo(9_007_199_254_740_993L);
    }

    @Test
    void aSumThatOverflowsIsAnErrorAndNeverANegativeFigure() {
        UsageMetrics full = new UsageMetrics(Long.MAX_VALUE, Long.MAX_VALUE);
        assertThatExceptionOfType(ArithmeticException.class).isThrownBy(() -> full.plus(new UsageMetrics(1, 0)));
        assertThatExceptionOfType(ArithmeticException.class).isThrownBy(() -> full.plus(new UsageMetrics(0, 1)));
        assertThat(full.plus(UsageMetrics.ZERO)).isEqualTo(full);
    }

    @Test
    void negativeFiguresAreRejected() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new UsageMetrics(-1, 0))
                .withMessage("volume must be at least 0, but was -1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new UsageMetrics(0, Long.MIN_VALUE))
                .withMessage("bytes must be at least 0, but was -9223372036854775808");
    }
}
