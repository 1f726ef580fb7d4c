package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a request's {@code period} parameter may say, and the errors for everything else. */
class UsagePeriodParseTest {

    private static final ZoneId KOLKATA = ZoneId.of("Asia/Kolkata");

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "2026-03,                                           2026-03-01T00:00:00Z, 2026-04-01T00:00:00Z",
        "2028-02,                                           2028-02-01T00:00:00Z, 2028-03-01T00:00:00Z",
        "2026-03-17,                                        2026-03-17T00:00:00Z, 2026-03-18T00:00:00Z",
        "2028-02-29,                                        2028-02-29T00:00:00Z, 2028-03-01T00:00:00Z",
        "2026-03-01/2026-03-09,                             2026-03-01T00:00:00Z, 2026-03-09T00:00:00Z",
        "2026-01-31/2026-02-28,                             2026-01-31T00:00:00Z, 2026-02-28T00:00:00Z",
        "2026-03-01T00:00:00Z/2026-03-09T12:30:00Z,         2026-03-01T00:00:00Z, 2026-03-09T12:30:00Z",
        "2026-03-01T00:00:00+05:30/2026-03-01T01:00+00:00,  2026-02-28T18:30:00Z, 2026-03-01T01:00:00Z",
        "2026-03-01T00:00:00.0000019Z/2026-03-01T00:00:01Z, 2026-03-01T00:00:00.000001Z, 2026-03-01T00:00:01Z",
    })
    void everyDocumentedFormIsReadInUtc(String text, Instant start, Instant end) {
        UsagePeriod period = UsagePeriod.parse(text);
        assertThat(period.start()).as("start").isEqualTo(start);
        assertThat(period.end()).as("end").isEqualTo(end);
    }

    @Test
    void monthsDaysAndDatesAreOfTheZoneGiven() {
        assertThat(UsagePeriod.parse("2026-03", KOLKATA)).isEqualTo(UsagePeriod.month(YearMonth.of(2026, 3), KOLKATA));
        assertThat(UsagePeriod.parse("2026-03-17", KOLKATA))
                .isEqualTo(UsagePeriod.day(LocalDate.of(2026, 3, 17), KOLKATA));
        UsagePeriod dates = UsagePeriod.parse("2026-03-01/2026-03-09", KOLKATA);
        assertThat(dates.start()).isEqualTo("2026-02-28T18:30:00Z");
        assertThat(dates.end()).isEqualTo("2026-03-08T18:30:00Z");
    }

    @Test
    void instantsHaveTheirOwnOffsetWhateverTheZone() {
        String text = "2026-03-01T00:00:00Z/2026-03-09T12:30:00+02:00";
        assertThat(UsagePeriod.parse(text, KOLKATA)).isEqualTo(UsagePeriod.parse(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "2026-03",
                "2026-03-17",
                "2026-03-01/2026-03-09",
                "2026-03-01T00:00:00Z/2026-03-09T12:30:00Z",
            })
    void theLabelIsTheTextThatWasRead(String text) {
        assertThat(UsagePeriod.parse(text).label()).isEqualTo(text);
        assertThat(UsagePeriod.parse(text, KOLKATA).label()).isEqualTo(text);
    }

    @Test
    void whatWasBuiltIsReadBackFromItsLabel() {
        UsagePeriod cycle = UsagePeriod.billingCycle(YearMonth.of(2026, 1), 31, KOLKATA);
        assertThat(UsagePeriod.parse(cycle.label(), KOLKATA)).isEqualTo(cycle);
        UsagePeriod window = UsagePeriod.between(cycle.start().plusNanos(1_000), cycle.end());
        assertThat(UsagePeriod.parse(window.label(), KOLKATA)).isEqualTo(window);
    }

    @ParameterizedTest(name = "\"{0}\"")
    @ValueSource(
            strings = {
                "",
                " ",
                "2026",
                "2026-3",
                "2026-00",
                "2026-13",
                "26-03",
                "03-2026",
                "2026/03",
                "2026-03 ",
                " 2026-03",
                "2026-02-29",
                "2026-02-30",
                "2026-3-17",
                "20260317",
                "2026-W12",
                "2026-03-17T00:00:00Z",
                "/",
                "a/b",
                "2026-03-01/",
                "/2026-03-09",
                "2026-03/2026-04",
                "2026-03-01/2026-03-09/2026-03-17",
                "2026-03-01T00:00:00/2026-03-09T00:00:00",
                "2026-03-01/2026-03-09T00:00:00Z",
                "2026-03-01T00:00:00Z/2026-03-09",
                "2026-03-01T00:00:00Z/P1D",
                "٢٠٢٦-٠٣",
            })
    void anyOtherTextIsRejectedByAMessageThatQuotesItAndNamesTheForms(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsagePeriod.parse(text))
                .withMessageStartingWith(
                        "period must be a month (2026-03), a day (2026-03-17) or start/end of two dates"
                                + " or instants, but was \"" + text + "\": ");
    }

    @ParameterizedTest(name = "\"{0}\"")
    @CsvSource(
            delimiter = '|',
            value = {
                "2026-03-01/2026-02-01 | start must be before end | 2026-03-01T00:00:00Z | 2026-02-01T00:00:00Z",
                "2026-03-01/2026-03-01 | start must be before end | 2026-03-01T00:00:00Z | 2026-03-01T00:00:00Z",
                "2026-03-02T00:00Z/2026-03-01T00:00Z | start must be before end | 2026-03-02 | 2026-03-01",
                "2025-01-01/2026-01-03 | period must be at most 366 days | 2025-01-01T00:00:00Z | 2026-01-03T00:00:00Z",
                "0000-12 | month must lie between | 0001-01-01T00:00:00Z | but was 0000-12",
                "9999-12 | month must lie between | 9999-12-31T23:59:59.999999Z | +10000-01-01",
                "0000-12-31 | day must lie between | 0001-01-01T00:00:00Z | but was 0000-12-31",
                "+10000-01-01 | day must lie between | 9999-12-31T23:59:59.999999Z | but was +10000-01-01",
                "+999999999-12-31 | day must lie between | 9999-12-31T23:59:59.999999Z | +999999999-12-31",
                "0000-01-01/0000-02-01 | period must lie between | 0001-01-01T00:00:00Z | but was 0000-01-01",
                "-0001-01-01T00:00Z/0001-01-01T00:00Z | start must lie between | 0001-01-01T00:00:00Z | but was -0001",
                "9999-12-31T00:00Z/+10000-01-01T00:00Z | end must lie between | 9999-12-31T23:59 | but was +10000-01-01",
            })
    void whatIsReadButOutOfBoundsIsRejectedByAMessageThatNamesArgumentBoundAndValue(
            String text, String argumentAndRule, String first, String second) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsagePeriod.parse(text))
                .satisfies(e -> assertThat(e.getMessage()).contains(argumentAndRule, first, second));
    }

    @Test
    void theMessageStaysShortAndOnOneLineWhateverTheText() {
        for (String text :
                new String[] {"x".repeat(10_000), "x".repeat(5_000) + "/" + "y".repeat(5_000), "a\nb\u0000c"}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> UsagePeriod.parse(text))
                    .satisfies(
                            e -> assertThat(e.getMessage()).hasSizeLessThan(400).doesNotContain("\n", "\u0000"));
        }
    }
}
