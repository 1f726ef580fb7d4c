package io.usagekit.page;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import org.junit.jupiter.api.Test;

class WordsTest {

    @Test
    void sizesAreRoundedToATenthOfTheUnitThatFits() {
        assertThat(Words.size(0)).isEqualTo("0\u00a0B");
        assertThat(Words.size(999)).isEqualTo("999\u00a0B");
        assertThat(Words.size(1_000)).isEqualTo("1.0\u00a0kB");
        assertThat(Words.size(999_949)).isEqualTo("999.9\u00a0kB");
        assertThat(Words.size(999_950)).isEqualTo("1.0\u00a0MB");
        assertThat(Words.size(1_234_567_890)).isEqualTo("1.2\u00a0GB");
        assertThat(Words.size(Long.MAX_VALUE)).isEqualTo("9.2\u00a0EB");
        assertThat(Words.size(-1_500)).isEqualTo("\u22121.5\u00a0kB");
        assertThat(Words.size(Long.MIN_VALUE)).isEqualTo("\u22129.2\u00a0EB");
    }

    @Test
    void changesAreInPerCentOfTheEarlierNumber() {
        assertThat(Words.change(100, 112)).contains("+12\u00a0%");
        assertThat(Words.change(3, 2)).contains("\u221233\u00a0%");
        assertThat(Words.change(5, 5)).contains("\u00b10\u00a0%");
        assertThat(Words.change(0, 5)).isEmpty();
        assertThat(Words.change(1, Long.MAX_VALUE)).contains("+922,337,203,685,477,580,600\u00a0%");
    }

    @Test
    void agesAreInTheLargestUnit() {
        assertThat(Words.ago(Duration.ZERO)).isEqualTo("a moment ago");
        assertThat(Words.ago(Duration.ofSeconds(59))).isEqualTo("59 seconds ago");
        assertThat(Words.ago(Duration.ofSeconds(60))).isEqualTo("1 minute ago");
        assertThat(Words.ago(Duration.ofMinutes(119))).isEqualTo("1 hour ago");
        assertThat(Words.ago(Duration.ofHours(47))).isEqualTo("47 hours ago");
        assertThat(Words.ago(Duration.ofDays(2))).isEqualTo("2 days ago");
    }

    @Test
    void periodsHaveTheirNames() {
        ZoneId berlin = ZoneId.of("Europe/Berlin");
        assertThat(Words.period(UsagePeriod.parse("2026-03", berlin))).isEqualTo("March 2026");
        assertThat(Words.period(UsagePeriod.parse("2026-03-29", berlin))).isEqualTo("29 March 2026");
        assertThat(Words.period(UsagePeriod.parse("2026-03-01/2026-03-15", berlin)))
                .isEqualTo("1 March 2026 to 14 March 2026");
        assertThat(Words.period(UsagePeriod.between(
                        Instant.parse("2026-03-01T00:00:00Z"), Instant.parse("2026-03-01T00:30:00Z"))))
                .isEqualTo("2026-03-01T00:00:00Z/2026-03-01T00:30:00Z");
    }
}
