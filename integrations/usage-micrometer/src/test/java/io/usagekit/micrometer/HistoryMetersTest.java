package io.usagekit.micrometer;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.usagekit.UsageCalculationException;
import io.usagekit.clickhouse.HistoryListener.Refusal;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What is computed from ClickHouse alone, and what is refused. */
class HistoryMetersTest {

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final HistoryMeters meters = HistoryMeters.of(registry);

    private double count(String name, String tag, String value) {
        return registry.get(name).tag(tag, value).counter().count();
    }

    @Test
    void countsWhatWasComputedByTheAgeOfItsState() {
        meters.computed(Duration.ofSeconds(10));
        meters.computed(Duration.ofSeconds(50));

        Timer age = registry.get("usagekit.history.age").timer();
        assertThat(age.count()).isEqualTo(2);
        assertThat(age.totalTime(TimeUnit.SECONDS)).isEqualTo(60);
        assertThat(age.max(TimeUnit.SECONDS)).isEqualTo(50);
    }

    @Test
    void countsRefusalsByReasonAndFailuresByKind() {
        UsageCalculationException error = new UsageCalculationException("refused", null);
        meters.refused(Refusal.TOO_OLD, error);
        meters.refused(Refusal.INCOMPLETE, error);
        meters.refused(Refusal.INCOMPLETE, error);
        meters.readFailed(error);
        meters.readFailed(UsageCalculationException.permanent("there is no such table", null));
        meters.readFailed(UsageCalculationException.permanent("there is no such table", null));

        assertThat(count("usagekit.history.refused", "reason", "too_old")).isEqualTo(1);
        assertThat(count("usagekit.history.refused", "reason", "incomplete")).isEqualTo(2);
        assertThat(count("usagekit.history.refused", "reason", "not_covered")).isZero();
        assertThat(count("usagekit.history.failed", "error", "transient")).isEqualTo(1);
        assertThat(count("usagekit.history.failed", "error", "permanent")).isEqualTo(2);
    }
}
