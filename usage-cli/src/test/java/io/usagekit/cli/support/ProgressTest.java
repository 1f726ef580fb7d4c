package io.usagekit.cli.support;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.testkit.ManualClock;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ProgressTest {

    private final ManualClock clock = ManualClock.at("2026-03-17T00:00:00Z");
    private final StringWriter err = new StringWriter();

    @Test
    void saysALineEveryTenSecondsAndNothingIfItIsQuick() {
        try (Progress progress = Progress.lines("Loading", "events", 2_000, new PrintWriter(err), clock.ticker())) {
            progress.step(1_000);
            assertThat(err.toString()).isEmpty();

            clock.advance(Duration.ofSeconds(10));
            progress.step(1);
            progress.step(1);
            assertThat(err.toString()).isEqualTo("Loading: 1,001 of 2,000 events\n");
        }
    }

    @Test
    void doesntSayHowMuchThereIsWhereThatIsntKnown() {
        try (Progress progress = Progress.lines("Loading", "bytes", -1, new PrintWriter(err), clock.ticker())) {
            clock.advance(Duration.ofSeconds(10));
            progress.step(5);
        }
        assertThat(err.toString()).isEqualTo("Loading: 5 bytes\n");
    }
}
