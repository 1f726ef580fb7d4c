package io.usagekit.reports;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageMetrics;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Forms of series in requests and responses. */
class UsageSeriesPointTest {

    private static final Instant START = Instant.parse("2026-03-01T00:00:00Z");
    private static final Instant END = Instant.parse("2026-03-02T00:00:00Z");

    @Test
    void hasTheFormOfAResponse() {
        UsageSeriesPoint point = new UsageSeriesPoint(START, END, new UsageMetrics(3, 21), new UsageMetrics(2, 14));

        assertThat(point.toMap())
                .hasToString("{start=2026-03-01T00:00:00Z, end=2026-03-02T00:00:00Z, received={volume=3, bytes=21},"
                        + " sent={volume=2, bytes=14}}");
    }

    @Test
    void saysHowManySizesArentKnown() {
        UsageSeriesPoint point = new UsageSeriesPoint(START, END, UsageMetrics.ZERO, UsageMetrics.ZERO, 5);

        assertThat(point.toMap()).containsEntry("unmeasured", 5L);
    }

    @ParameterizedTest
    @ValueSource(strings = {"day", "DAY", "Day"})
    void granularityIsParsedInAnyCase(String name) {
        assertThat(UsageSeriesGranularity.parse(name)).isEqualTo(UsageSeriesGranularity.DAY);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "week", "days"})
    void anotherGranularityIsRefusedByName(String name) {
        assertThatThrownBy(() -> UsageSeriesGranularity.parse(name))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("granularity must be hour, day or month, but was \"" + name + "\"");
    }
}
