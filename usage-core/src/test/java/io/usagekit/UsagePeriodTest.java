package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Months, days, free windows, equality and names. Tests run with the JVM in Pacific/Apia (UTC+13), which nothing may see. */
class UsagePeriodTest {

    private static final ZoneId NEW_YORK = ZoneId.of("America/New_York");
    private static final ZoneId KOLKATA = ZoneId.of("Asia/Kolkata");
    private static final ZoneId SAO_PAULO = ZoneId.of("America/Sao_Paulo");
    private static final ZoneId APIA = ZoneId.of("Pacific/Apia");
    private static final Instant MARCH_1 = Instant.parse("2026-03-01T00:00:00Z");
    private static final Duration MICRO = Duration.ofNanos(1_000);

    static Stream<ZoneId> zones() {
        return Stream.of(
                        "Z",
                        "America/New_York",
                        "Asia/Kolkata",
                        "America/Sao_Paulo",
                        "America/St_Johns",
                        "Pacific/Apia",
                        "Australia/Lord_Howe",
                        "Africa/Casablanca",
                        "+18:00",
                        "-18:00")
                .map(ZoneId::of);
    }

    @Test
    void aMonthIsOfUtcUnlessAZoneIsGiven() {
        assertWindow(
                UsagePeriod.month(YearMonth.of(2026, 3)), "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", "2026-03");
    }

    @Test
    void aMonthOfAZoneBeginsAndEndsAtItsMidnights() {
        assertWindow(
                UsagePeriod.month(YearMonth.of(2026, 3), KOLKATA),
                "2026-02-28T18:30:00Z",
                "2026-03-31T18:30:00Z",
                "2026-03");
        // The clocks change within the month: it begins at UTC-5 and ends at UTC-4.
        assertWindow(
                UsagePeriod.month(YearMonth.of(2026, 3), NEW_YORK),
                "2026-03-01T05:00:00Z",
                "2026-04-01T04:00:00Z",
                "2026-03");
    }

    @Test
    void aDayIsOfUtcUnlessAZoneIsGiven() {
        assertWindow(
                UsagePeriod.day(LocalDate.of(2026, 3, 17)),
                "2026-03-17T00:00:00Z",
                "2026-03-18T00:00:00Z",
                "2026-03-17");
        assertWindow(
                UsagePeriod.day(LocalDate.of(2026, 3, 17), KOLKATA),
                "2026-03-16T18:30:00Z",
                "2026-03-17T18:30:00Z",
                "2026-03-17");
    }

    @Test
    void theDayOnWhichClocksGoForwardHas23Hours() {
        UsagePeriod day = UsagePeriod.day(LocalDate.of(2026, 3, 8), NEW_YORK);
        assertWindow(day, "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", "2026-03-08");
        assertThat(length(day)).isEqualTo(Duration.ofHours(23));
    }

    @Test
    void theDayOnWhichClocksGoBackHas25Hours() {
        UsagePeriod day = UsagePeriod.day(LocalDate.of(2026, 11, 1), NEW_YORK);
        assertWindow(day, "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", "2026-11-01");
        assertThat(length(day)).isEqualTo(Duration.ofHours(25));
    }

    @Test
    void aDayWithoutAMidnightBeginsWithItsFirstInstant() {
        UsagePeriod day = UsagePeriod.day(LocalDate.of(2018, 11, 4), SAO_PAULO);
        assertWindow(day, "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z", "2018-11-04");
        assertThat(UsagePeriod.day(LocalDate.of(2018, 11, 3), SAO_PAULO).end())
                .as("where the day before ends")
                .isEqualTo(day.start());
    }

    @Test
    void aDayThatAZoneSkippedIsRejected() {
        // Samoa went from 29 to 31 December 2011.
        assertRejected(
                () -> UsagePeriod.day(LocalDate.of(2011, 12, 30), APIA),
                "start must be before end",
                "2011-12-30T10:00:00Z");
        assertThat(length(UsagePeriod.month(YearMonth.of(2011, 12), APIA))).isEqualTo(Duration.ofDays(30));
    }

    @ParameterizedTest
    @MethodSource("zones")
    void consecutiveMonthsTileTime(ZoneId zone) {
        UsagePeriod month = UsagePeriod.month(YearMonth.of(1969, 12), zone);
        for (YearMonth next = YearMonth.of(1970, 1); next.getYear() < 2040; next = next.plusMonths(1)) {
            UsagePeriod following = UsagePeriod.month(next, zone);
            assertThat(following.start()).as("start of %s in %s", next, zone).isEqualTo(month.end());
            month = following;
        }
    }

    @ParameterizedTest
    @MethodSource("zones")
    void consecutiveDaysTileTime(ZoneId zone) {
        LocalDate skipped = LocalDate.of(2011, 12, 30);
        UsagePeriod day = UsagePeriod.day(LocalDate.of(2004, 12, 31), zone);
        for (LocalDate next = LocalDate.of(2005, 1, 1); next.getYear() < 2030; next = next.plusDays(1)) {
            if (next.equals(skipped) && zone.equals(APIA)) {
                continue;
            }
            UsagePeriod following = UsagePeriod.day(next, zone);
            assertThat(following.start()).as("start of %s in %s", next, zone).isEqualTo(day.end());
            assertThat(length(following))
                    .as("length of %s in %s", next, zone)
                    .isBetween(Duration.ofHours(23), Duration.ofHours(25));
            day = following;
        }
    }

    @Test
    void startAndEndOfAWindowAreTruncatedToMicroseconds() {
        UsagePeriod window = UsagePeriod.between(
                Instant.parse("2026-03-01T00:00:00.000001999Z"), Instant.parse("2026-03-31T23:59:59.999999999Z"));
        assertWindow(
                window,
                "2026-03-01T00:00:00.000001Z",
                "2026-03-31T23:59:59.999999Z",
                "2026-03-01T00:00:00.000001Z/2026-03-31T23:59:59.999999Z");
    }

    @Test
    void instantsBefore1970AreTruncatedDownToo() {
        UsagePeriod window = UsagePeriod.between(
                Instant.parse("1969-12-31T23:59:59.999999999Z"), Instant.parse("1970-01-01T00:00:00.000001Z"));
        assertThat(window.start()).isEqualTo(Instant.parse("1969-12-31T23:59:59.999999Z"));
    }

    @Test
    void aWindowOfOneMicrosecondIsAccepted() {
        UsagePeriod window = UsagePeriod.between(MARCH_1, MARCH_1.plus(MICRO));
        assertThat(length(window)).isEqualTo(MICRO);
    }

    @Test
    void aWindowOf366DaysIsAcceptedAndOneMicrosecondMoreIsNot() {
        Instant end = MARCH_1.plus(Duration.ofDays(366));
        assertThat(length(UsagePeriod.between(MARCH_1, end))).isEqualTo(Duration.ofDays(366));
        assertRejected(
                () -> UsagePeriod.between(MARCH_1, end.plus(MICRO)),
                "period must be at most 366 days long",
                "PT8784H0.000001S",
                MARCH_1 + "/" + end.plus(MICRO));
        assertRejected(
                () -> UsagePeriod.between(MARCH_1, MARCH_1.plus(Duration.ofDays(400))),
                "period must be at most 366 days long",
                "PT9600H");
    }

    @Test
    void lengthIsJudgedAfterTruncation() {
        Instant end = MARCH_1.plus(Duration.ofDays(366)).plusNanos(999);
        assertThat(length(UsagePeriod.between(MARCH_1, end))).isEqualTo(Duration.ofDays(366));
    }

    @Test
    void aWindowThatEndsBeforeItsStartIsRejected() {
        assertRejected(
                () -> UsagePeriod.between(MARCH_1, MARCH_1.minusSeconds(60)),
                "start must be before end",
                "2026-03-01T00:00:00Z",
                "2026-02-28T23:59:00Z");
    }

    @Test
    void anEmptyWindowIsRejected() {
        assertRejected(
                () -> UsagePeriod.between(MARCH_1, MARCH_1),
                "start must be before end by at least 1 microsecond",
                MARCH_1.toString());
    }

    @Test
    void aWindowThatIsEmptyOnceTruncatedIsRejected() {
        assertRejected(
                () -> UsagePeriod.between(MARCH_1.plusNanos(1), MARCH_1.plusNanos(999)),
                "start must be before end by at least 1 microsecond",
                MARCH_1.toString());
    }

    @Test
    void windowsLieInTheYears1To9999() {
        Instant first = Instant.parse("0001-01-01T00:00:00Z");
        Instant last = Instant.parse("9999-12-31T23:59:59.999999Z");
        assertThat(UsagePeriod.between(first, first.plusSeconds(1)).start()).isEqualTo(first);
        assertThat(UsagePeriod.between(last.minusSeconds(1), last).end()).isEqualTo(last);
        assertThat(UsagePeriod.month(YearMonth.of(1, 1)).start()).isEqualTo(first);
        assertThat(UsagePeriod.month(YearMonth.of(9999, 11)).end()).isEqualTo("9999-12-01T00:00:00Z");

        assertRejected(
                () -> UsagePeriod.between(first.minus(MICRO), first),
                "start must lie between 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z",
                "0000-12-31T23:59:59.999999Z");
        assertRejected(
                () -> UsagePeriod.between(last, last.plus(MICRO)), "end must lie between", "+10000-01-01T00:00:00Z");
        assertRejected(
                () -> UsagePeriod.between(Instant.MIN, Instant.MAX), "start must lie between", "-1000000000-01-01");
        assertRejected(() -> UsagePeriod.between(first, Instant.MAX), "end must lie between", "+1000000000-12-31");
    }

    @Test
    void monthsAndDaysOutsideTheYears1To9999AreRejectedAsBadArguments() {
        for (YearMonth month : List.of(YearMonth.of(0, 12), YearMonth.of(9999, 12), YearMonth.of(10_000, 1))) {
            assertRejected(
                    () -> UsagePeriod.month(month), "month must lie between 0001-01-01T00:00:00Z and 9999-12-31");
            assertRejected(() -> UsagePeriod.billingCycle(month, 31), "startsIn must lie between");
        }
        for (LocalDate day : List.of(LocalDate.of(0, 12, 31), LocalDate.of(9999, 12, 31), LocalDate.of(10_000, 1, 1))) {
            assertRejected(() -> UsagePeriod.day(day), "day must lie between 0001-01-01T00:00:00Z and 9999-12-31");
        }
    }

    @Test
    void theLastAndFirstDatesThatJavaKnowsAreRejectedAsBadArguments() {
        assertRejected(
                () -> UsagePeriod.month(YearMonth.of(999_999_999, 12)),
                "month must lie between",
                "but was 999999999-12");
        assertRejected(
                () -> UsagePeriod.month(YearMonth.of(-999_999_999, 1)), "month must lie between", "-999999999-01");
        assertRejected(() -> UsagePeriod.day(LocalDate.MAX), "day must lie between", "+999999999-12-31");
        assertRejected(() -> UsagePeriod.day(LocalDate.MIN), "day must lie between", "-999999999-01-01");
        assertRejected(
                () -> UsagePeriod.billingCycle(YearMonth.of(999_999_999, 12), 1),
                "startsIn must lie between",
                "but was 999999999-12");
    }

    @Test
    void periodsAreEqualWhenTheirWindowsAreWhateverTheirLabels() {
        UsagePeriod month = UsagePeriod.month(YearMonth.of(2026, 3));
        UsagePeriod window = UsagePeriod.between(month.start(), month.end());
        UsagePeriod cycle = UsagePeriod.billingCycle(YearMonth.of(2026, 3), 1);

        assertThat(List.of(month.label(), window.label(), cycle.label())).doesNotHaveDuplicates();
        assertThat(window).isEqualTo(month).hasSameHashCodeAs(month);
        assertThat(cycle).isEqualTo(month).hasSameHashCodeAs(month);
        assertThat(new HashSet<>(List.of(month, window.equals(month) ? cycle : window)))
                .hasSize(1);
    }

    @Test
    void periodsOfTheSameLabelDifferWhenTheirWindowsDo() {
        UsagePeriod utc = UsagePeriod.month(YearMonth.of(2026, 3));
        UsagePeriod kolkata = UsagePeriod.month(YearMonth.of(2026, 3), KOLKATA);
        assertThat(kolkata.label()).isEqualTo(utc.label());
        assertThat(kolkata).isNotEqualTo(utc).isNotEqualTo("2026-03");
        assertThat(UsagePeriod.between(utc.start(), utc.end().minus(MICRO))).isNotEqualTo(utc);
        assertThat(UsagePeriod.between(utc.start().plus(MICRO), utc.end())).isNotEqualTo(utc);
    }

    @Test
    void theCanonicalLabelOfAMonthOrDayOfUtcIsShortAndOfAnyOtherWindowIsIsoBasic() {
        UsagePeriod march = UsagePeriod.month(YearMonth.of(2026, 3));
        UsagePeriod day = UsagePeriod.day(LocalDate.of(2026, 3, 17));
        assertThat(march.canonicalLabel()).isEqualTo("2026-03");
        assertThat(day.canonicalLabel()).isEqualTo("2026-03-17");
        assertThat(UsagePeriod.between(march.start(), march.end()).canonicalLabel())
                .isEqualTo("2026-03");
        assertThat(UsagePeriod.between(day.start(), day.end()).canonicalLabel()).isEqualTo("2026-03-17");
        assertThat(UsagePeriod.month(YearMonth.of(2026, 3), KOLKATA).canonicalLabel())
                .isEqualTo("20260228T183000Z/20260331T183000Z");
        assertThat(UsagePeriod.between(march.start(), march.end().minus(MICRO)).canonicalLabel())
                .isEqualTo("20260301T000000Z/20260331T235959.999999Z");
        assertThat(march).hasToString("2026-03");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0001-01-01T00:00:00Z", "0999-12-31T23:59:59.5Z", "9999-12-30T12:00:00Z"})
    void theCanonicalLabelHasFourDigitYears(Instant start) {
        assertThat(UsagePeriod.between(start, start.plusSeconds(7)).canonicalLabel())
                .matches("[0-9]{8}T[0-9]{6}(\\.[0-9]{1,6})?Z/[0-9]{8}T[0-9]{6}(\\.[0-9]{1,6})?Z");
    }

    @Test
    void equalWindowsHaveEqualCanonicalLabelsAndDifferentWindowsDifferentOnes() {
        long seed = new Random().nextLong();
        System.out.println("UsagePeriodTest canonical labels, seed " + seed);
        Random random = new Random(seed);
        Map<String, UsagePeriod> byLabel = new HashMap<>();
        Map<UsagePeriod, String> byWindow = new HashMap<>();
        List<ZoneId> zones = zones().toList();
        for (int i = 0; i < 20_000; i++) {
            UsagePeriod period = anyPeriod(random, zones.get(random.nextInt(zones.size())));
            String label = period.canonicalLabel();
            assertThat(label).as("seed %d", seed).doesNotContain(":").hasSizeLessThanOrEqualTo(47);
            UsagePeriod namesake = byLabel.putIfAbsent(label, period);
            assertThat(namesake == null || namesake.equals(period))
                    .as(
                            "seed %d: %s names %s and another window, %s/%s",
                            seed, label, namesake, period.start(), period.end())
                    .isTrue();
            String otherName = byWindow.putIfAbsent(period, label);
            assertThat(otherName == null ? label : otherName)
                    .as("seed %d: the name of %s/%s", seed, period.start(), period.end())
                    .isEqualTo(label);
        }
    }

    /** From a few days on a coarse grid, so that windows often meet again, made in another way. */
    private static UsagePeriod anyPeriod(Random random, ZoneId zone) {
        YearMonth month = YearMonth.of(2026, 1 + random.nextInt(4));
        LocalDate day = month.atDay(1 + random.nextInt(28));
        return switch (random.nextInt(5)) {
            case 0 -> UsagePeriod.month(month, zone);
            case 1 -> UsagePeriod.day(day, zone);
            case 2 -> UsagePeriod.billingCycle(month, 1 + random.nextInt(31), zone);
            case 3 ->
                UsagePeriod.between(
                        month.atDay(1).atStartOfDay(zone).toInstant().plusNanos(random.nextInt(3) * 500L),
                        month.plusMonths(1 + random.nextInt(2))
                                .atDay(1)
                                .atStartOfDay(zone)
                                .toInstant()
                                .plusNanos(random.nextInt(3) * 500L));
            default ->
                UsagePeriod.between(
                        day.atStartOfDay(zone).toInstant(),
                        day.plusDays(1 + random.nextInt(3))
                                .atStartOfDay(zone)
                                .toInstant()
                                .plusNanos(random.nextInt(3) * 100_000L));
        };
    }

    private static void assertWindow(UsagePeriod period, String start, String end, String label) {
        assertThat(period.start()).as("start of %s", period.label()).isEqualTo(Instant.parse(start));
        assertThat(period.end()).as("end of %s", period.label()).isEqualTo(Instant.parse(end));
        assertThat(period.label()).isEqualTo(label);
    }

    private static Duration length(UsagePeriod period) {
        return Duration.between(period.start(), period.end());
    }

    private static void assertRejected(ThrowingCallable call, String... mentions) {
        assertThatIllegalArgumentException()
                .isThrownBy(call)
                .satisfies(e -> assertThat(e.getMessage()).contains(mentions));
    }
}
