package io.usagekit.cli.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.usagekit.UsagePeriod;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PeriodsTest {

    @Test
    void aNameIsOfTheZone() {
        assertThat(Periods.of("2026-03", null, null, null)).isEqualTo(UsagePeriod.month(YearMonth.of(2026, 3)));
        assertThat(Periods.of("2026-03", null, null, "Asia/Kolkata"))
                .isEqualTo(UsagePeriod.month(YearMonth.of(2026, 3), ZoneId.of("Asia/Kolkata")));
    }

    @ParameterizedTest
    @CsvSource({
        "2026-03-01T00:00:00Z, , 2026-03-01T00:00:00Z",
        "2026-03-01T00:00:00Z, Asia/Kolkata, 2026-03-01T00:00:00Z",
        "2026-03-01T00:00:00+05:30, , 2026-02-28T18:30:00Z",
        "2026-03-01T00:00:00.000001Z, , 2026-03-01T00:00:00.000001Z",
        "2026-03-01T00:00, , 2026-03-01T00:00:00Z",
        "2026-03-01T12:30, Asia/Kolkata, 2026-03-01T07:00:00Z",
        "2026-03-01, , 2026-03-01T00:00:00Z",
        "2026-03-01, America/New_York, 2026-03-01T05:00:00Z",
        "2026-03-01, +05:30, 2026-02-28T18:30:00Z",
    })
    void aBoundIsAnInstantOrOfTheZone(String from, String zone, Instant start) {
        Instant end = Instant.parse("2026-04-01T00:00:00Z");

        assertThat(Periods.of(null, from, end.toString(), zone)).isEqualTo(UsagePeriod.between(start, end));
    }

    @ParameterizedTest
    @CsvSource({
        ", , , , 'either period, or from and to, must be given'",
        ", 2026-03-01, , , to is missing",
        ", , 2026-03-01, , from is missing",
        "2026-03, 2026-03-01, 2026-03-02, , but not both",
        "2026-03, , 2026-03-02, , but not both",
        ", 2026-03-02, 2026-03-01, , start must be before end",
        ", 2025-01-01, 2026-03-01, , at most 366 days",
        ", soon, 2026-03-01, , 'from must be an instant (2026-03-01T00:00:00Z), or a date or date-time of the zone'",
        ", 2026-03-01, later, , to must be an instant",
        "2026-3, , , , 2026-3",
        "2026-03, , , Nowhere/Land, 'zone must be one of the tz database or an offset'",
    })
    void anythingElseIsRejected(String period, String from, String to, String zone, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Periods.of(period, from, to, zone))
                .withMessageContaining(message);
    }
}
