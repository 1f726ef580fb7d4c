package io.usagekit.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Future;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;

class ManualClockTest {

    private final ManualClock clock = ManualClock.at("2026-03-17T01:28:00Z");

    @Test
    void keepsTimeUntilAdvanced() {
        assertThat(clock.instant()).isEqualTo("2026-03-17T01:28:00Z");
        assertThat(clock.instant()).isEqualTo("2026-03-17T01:28:00Z");
        assertThat(ManualClock.at(Instant.EPOCH).instant()).isEqualTo(Instant.EPOCH);
    }

    @Test
    void advancesWallClockAndTickerTogether() {
        LongSupplier ticker = clock.ticker();
        long before = ticker.getAsLong();
        clock.advance(Duration.ofSeconds(90).plusNanos(7));
        assertThat(clock.instant()).isEqualTo("2026-03-17T01:29:30.000000007Z");
        assertThat(ticker.getAsLong() - before).isEqualTo(90_000_000_007L);
        assertThat(clock.ticker().getAsLong())
                .as("another ticker of the same clock")
                .isEqualTo(ticker.getAsLong());
    }

    @Test
    void rejectsNegativeAdvance() {
        clock.advance(Duration.ZERO);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> clock.advance(Duration.ofNanos(-1)))
                .withMessage("duration must be at least 0, but was PT-0.000000001S");
        assertThat(clock.instant()).isEqualTo("2026-03-17T01:28:00Z");
    }

    @Test
    void setMovesTheWallClockAndNotTheTicker() {
        clock.advance(Duration.ofMinutes(5));
        long ticks = clock.ticker().getAsLong();
        clock.set("2026-01-01T00:00:00Z");
        assertThat(clock.instant()).isEqualTo("2026-01-01T00:00:00Z");
        clock.set(Instant.parse("2026-04-01T00:00:00Z"));
        assertThat(clock.instant()).isEqualTo("2026-04-01T00:00:00Z");
        assertThat(clock.ticker().getAsLong()).isEqualTo(ticks);

        clock.advance(Duration.ofSeconds(1));
        assertThat(clock.instant()).isEqualTo("2026-04-01T00:00:01Z");
        assertThat(clock.ticker().getAsLong()).isEqualTo(ticks + 1_000_000_000L);
    }

    @Test
    void keepsEveryConcurrentAdvance() {
        try (Callers callers = new Callers()) {
            List<Future<Object>> threads = callers.callManyTimes(8, () -> {
                for (int i = 0; i < 1_000; i++) {
                    clock.advance(Duration.ofNanos(1));
                }
                return "done";
            });
            threads.forEach(Callers::done);
            assertThat(clock.ticker().getAsLong()).isEqualTo(8_000);
        }
    }
}
