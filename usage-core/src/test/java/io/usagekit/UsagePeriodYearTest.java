package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.Year;
import java.time.ZoneId;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Calendar years, intervals as long as one, and what a zone makes of them. Tests run with the JVM in Pacific/Apia. */
class UsagePeriodYearTest {

    private static final ZoneId KOLKATA = ZoneId.of("Asia/Kolkata");
    private static final ZoneId NEW_YORK = ZoneId.of("America/New_York");
    private static final ZoneId APIA = ZoneId.of("Pacific/Apia");
    private static final Duration HOUR = Duration.ofHours(1);

    private static Duration length(UsagePeriod period) {
        return Duration.between(period.start(), period.end());
    }

    @Test
    void yearIsOfUtcUnlessZoneIsGiven() {
        UsagePeriod year = UsagePeriod.year(Year.of(2026));
        assertThat(year.start()).isEqualTo("2026-01-01T00:00:00Z");
        assertThat(year.end()).isEqualTo("2027-01-01T00:00:00Z");
        assertThat(year.label()).isEqualTo("2026-01-01/2027-01-01");
        UsagePeriod indian = UsagePeriod.year(Year.of(2026), KOLKATA);
        assertThat(indian.start()).isEqualTo("2025-12-31T18:30:00Z");
        assertThat(indian.end()).isEqualTo("2026-12-31T18:30:00Z");
        assertThat(indian.zone()).isEqualTo(KOLKATA);
    }

    /** Every year of every zone, those with 366 days and an hour among them: their offset on 1 January is another one a year later. */
    @Test
    void yearsOfEveryZoneAreAcceptedTileTimeAndAreReadBack() {
        Set<String> longest = new TreeSet<>();
        for (String id : ZoneId.getAvailableZoneIds()) {
            ZoneId zone = ZoneId.of(id);
            UsagePeriod last = UsagePeriod.year(Year.of(1899), zone);
            for (int number = 1900; number <= 2040; number++) {
                UsagePeriod year = UsagePeriod.year(Year.of(number), zone);
                assertThat(year.start()).as("start of %d in %s", number, id).isEqualTo(last.end());
                assertThat(last.next()).isEqualTo(year);
                assertThat(year.previous()).isEqualTo(last);
                if (length(year).compareTo(Duration.ofDays(366)) > 0) {
                    longest.add(id + " " + number + " " + length(year));
                    assertThat(UsagePeriod.parse(year.canonicalLabel())).isEqualTo(year);
                    assertThat(UsagePeriod.parse(year.label(), zone)).isEqualTo(year);
                }
                last = year;
            }
        }
        assertThat(longest).as("years of more than 366 days of 24 hours").hasSizeGreaterThan(10);
    }

    @ParameterizedTest
    @MethodSource("io.usagekit.UsagePeriodTest#zones")
    void yearOfInstantContainsIt(ZoneId zone) {
        for (int number = 1995; number < 2020; number++) {
            UsagePeriod year = UsagePeriod.year(Year.of(number), zone);
            for (Instant instant : List.of(
                    year.start(), year.end().minusNanos(1_000), year.start().plus(HOUR))) {
                assertThat(UsagePeriod.yearContaining(instant, zone)).isEqualTo(year);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 9999, 10_000, Year.MAX_VALUE, Year.MIN_VALUE})
    void rejectsYearsOutsideBounds(int year) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsagePeriod.year(Year.of(year)))
                .withMessageContaining("year must lie between 0001-01-01T00:00:00Z and 9999-12-31");
    }

    /** 366 days from summer time to winter time are an hour longer than 366 times 24 hours. */
    @Test
    void neighboursOfIntervalOf366DaysAcrossClockChange() {
        UsagePeriod before = UsagePeriod.parse("2023-11-03/2024-11-03", NEW_YORK);
        assertThat(length(before)).isEqualTo(Duration.ofDays(366));
        UsagePeriod longer = before.next();
        assertThat(longer.label()).isEqualTo("2024-11-03/2025-11-04");
        assertThat(length(longer)).isEqualTo(Duration.ofDays(366).plus(HOUR));
        for (UsagePeriod period : List.of(before.previous(), before, longer, longer.next())) {
            assertThat(period.next().start()).isEqualTo(period.end());
            assertThat(period.next().previous()).isEqualTo(period);
            assertThat(UsagePeriod.parse(period.canonicalLabel())).isEqualTo(period);
            assertThat(UsagePeriod.parse(period.label(), NEW_YORK)).isEqualTo(period);
        }
        UsagePeriod named = UsagePeriod.parse(longer.canonicalLabel());
        assertThat(named.next().start())
                .as("of the window itself, without its zone")
                .isEqualTo(longer.end());
    }

    @Test
    void rejectsIntervalOf367DaysThoughItIsAnHourShorter() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsagePeriod.parse("2025-03-08/2026-03-10", NEW_YORK))
                .withMessageStartingWith("period must be at most 366 days long, but was 367 days: ");
    }

    @Test
    void windowBetweenInstantsStaysBounded() {
        Instant start = Instant.parse("2026-01-01T00:00:00Z");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsagePeriod.parse("2025-01-01T00:00:00Z/2026-01-02T00:00:00.000001Z"))
                .withMessageContaining("at most 366 days long");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsagePeriod.between(
                        start, start.plus(Duration.ofDays(366)).plus(HOUR)))
                .withMessageContaining("at most 366 days long");
        assertThatIllegalArgumentException()
                .as("a canonical label that no dates of any zone have")
                .isThrownBy(() -> UsagePeriod.parse("20250101T000000Z/20260104T000000Z"))
                .withMessageContaining("at most 366 days long");
    }

    @ParameterizedTest
    @CsvSource({
        "20260230T000000Z/20260301T000000Z",
        "20260201T000000Z/20260230T000000Z",
        "20260431T000000Z/20260502T000000Z",
        "20260228T240000Z/20260302T000000Z",
        "20260228T236000Z/20260302T000000Z",
        "20260228T000000.Z/20260302T000000Z",
        "20260228T000000,5Z/20260302T000000Z",
        "20260228T0000Z/20260302T000000Z",
        "020260228T000000Z/20260302T000000Z",
        "+20260228T000000Z/20260302T000000Z",
    })
    void rejectsCompactFormThatNamesNoInstant(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsagePeriod.parse(text))
                .withMessageStartingWith("period must be a month (2026-03), a day (2026-03-17) or start/end");
    }

    @Test
    void readsCompactForms() {
        assertThat(UsagePeriod.parse("20260228T183000Z/20260331T183000.000001Z"))
                .isEqualTo(UsagePeriod.between(
                        Instant.parse("2026-02-28T18:30:00Z"), Instant.parse("2026-03-31T18:30:00.000001Z")));
        assertThat(UsagePeriod.parse("20280229T000000Z/20280301T000000Z"))
                .isEqualTo(UsagePeriod.day(LocalDate.of(2028, 2, 29)));
    }

    @Test
    void dayThatZoneSkippedSaysSo() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsagePeriod.parse("2011-12-30", APIA))
                .withMessageEndingWith(": Pacific/Apia skipped 2011-12-30 when it moved across the date line");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsagePeriod.parse("2011-12-30/2011-12-31", APIA))
                .withMessageEndingWith(": Pacific/Apia skipped 2011-12-30 when it moved across the date line");
    }
}
