package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Cycles that start on an anchor day: clamped in short months, without gap or overlap for ever. */
class UsagePeriodBillingCycleTest {

    private static final Duration MICRO = Duration.ofNanos(1_000);

    static Stream<ZoneId> zones() {
        return UsagePeriodTest.zones();
    }

    @ParameterizedTest(name = "anchor {1} from {0}: {2}/{3}")
    @CsvSource({
        "2026-03,  1, 2026-03-01, 2026-04-01",
        "2026-03, 15, 2026-03-15, 2026-04-15",
        "2026-12, 15, 2026-12-15, 2027-01-15",
        "2026-01, 28, 2026-01-28, 2026-02-28",
        "2026-01, 29, 2026-01-29, 2026-02-28",
        "2026-02, 29, 2026-02-28, 2026-03-29",
        "2028-01, 29, 2028-01-29, 2028-02-29",
        "2028-02, 29, 2028-02-29, 2028-03-29",
        "2026-01, 30, 2026-01-30, 2026-02-28",
        "2026-02, 30, 2026-02-28, 2026-03-30",
        "2028-01, 30, 2028-01-30, 2028-02-29",
        "2028-02, 30, 2028-02-29, 2028-03-30",
        "2026-01, 31, 2026-01-31, 2026-02-28",
        "2026-02, 31, 2026-02-28, 2026-03-31",
        "2026-03, 31, 2026-03-31, 2026-04-30",
        "2026-04, 31, 2026-04-30, 2026-05-31",
        "2028-01, 31, 2028-01-31, 2028-02-29",
        "2028-02, 31, 2028-02-29, 2028-03-31",
        "2100-02, 29, 2100-02-28, 2100-03-29",
    })
    void aCycleRunsFromItsAnchorDayToTheNextMonthsClampedToTheLastDay(
            YearMonth startsIn, int anchorDay, String first, String next) {
        UsagePeriod cycle = UsagePeriod.billingCycle(startsIn, anchorDay);
        assertThat(cycle.start()).isEqualTo(first + "T00:00:00Z");
        assertThat(cycle.end()).isEqualTo(next + "T00:00:00Z");
        assertThat(cycle.label()).isEqualTo(first + "/" + next);
    }

    @Test
    void theDaysOfACycleBeginAtTheZonesMidnights() {
        UsagePeriod cycle = UsagePeriod.billingCycle(YearMonth.of(2026, 2), 15, ZoneId.of("America/New_York"));
        assertThat(cycle.start()).isEqualTo("2026-02-15T05:00:00Z");
        assertThat(cycle.end()).isEqualTo("2026-03-15T04:00:00Z");
        assertThat(cycle.label()).isEqualTo("2026-02-15/2026-03-15");
    }

    @ParameterizedTest
    @MethodSource("zones")
    void consecutiveCyclesTileTimeForEveryAnchorDay(ZoneId zone) {
        for (int anchorDay = 1; anchorDay <= 31; anchorDay++) {
            UsagePeriod cycle = UsagePeriod.billingCycle(YearMonth.of(1999, 12), anchorDay, zone);
            for (YearMonth month = YearMonth.of(2000, 1); month.getYear() < 2033; month = month.plusMonths(1)) {
                UsagePeriod next = UsagePeriod.billingCycle(month, anchorDay, zone);
                assertThat(next.start())
                        .as("start of the cycle of %s, anchor %d, %s", month, anchorDay, zone)
                        .isEqualTo(cycle.end());
                cycle = next;
            }
        }
    }

    @ParameterizedTest
    @MethodSource("zones")
    void everyInstantBelongsToTheCycleThatIsSaidToContainIt(ZoneId zone) {
        long seed = new Random().nextLong();
        System.out.println("UsagePeriodBillingCycleTest containing " + zone + ", seed " + seed);
        Random random = new Random(seed);
        long from = Instant.parse("1985-01-01T00:00:00Z").getEpochSecond();
        long to = Instant.parse("2035-01-01T00:00:00Z").getEpochSecond();
        for (int i = 0; i < 20_000; i++) {
            Instant instant = Instant.ofEpochSecond(random.nextLong(from, to), random.nextInt(1_000_000_000));
            assertContained(instant, 1 + random.nextInt(31), zone, seed);
        }
    }

    @ParameterizedTest
    @MethodSource("zones")
    void theEdgesOfACycleBelongToTheRightCycles(ZoneId zone) {
        for (int anchorDay : new int[] {1, 2, 15, 28, 29, 30, 31}) {
            for (YearMonth month = YearMonth.of(2004, 1); month.getYear() < 2021; month = month.plusMonths(1)) {
                UsagePeriod cycle = UsagePeriod.billingCycle(month, anchorDay, zone);
                UsagePeriod next = UsagePeriod.billingCycle(month.plusMonths(1), anchorDay, zone);
                assertThat(UsagePeriod.billingCycleContaining(cycle.start(), anchorDay, zone))
                        .as("the first instant of %s in %s", cycle.label(), zone)
                        .isEqualTo(cycle);
                assertThat(UsagePeriod.billingCycleContaining(cycle.end().minus(MICRO), anchorDay, zone))
                        .as("the last microsecond of %s in %s", cycle.label(), zone)
                        .isEqualTo(cycle);
                assertThat(UsagePeriod.billingCycleContaining(cycle.end(), anchorDay, zone))
                        .as("the end of %s in %s", cycle.label(), zone)
                        .isEqualTo(next);
            }
        }
    }

    /**
     * Newfoundland's clocks went back at 00:01, to 23:01 of the day before: an hour that bears the old date after the new one
     * has begun.
     */
    @Test
    void anHourThatRepeatsTheDayBeforeTheAnchorBelongsToTheCycleThatHasBegun() {
        ZoneId newfoundland = ZoneId.of("America/St_Johns");
        UsagePeriod november = UsagePeriod.billingCycle(YearMonth.of(2009, 11), 1, newfoundland);
        Instant repeated = Instant.parse("2009-11-01T03:00:00Z");

        assertThat(november.start()).isEqualTo("2009-11-01T02:30:00Z");
        assertThat(repeated.atZone(newfoundland).toLocalDate()).isEqualTo("2009-10-31");
        assertThat(UsagePeriod.billingCycleContaining(repeated, 1, newfoundland))
                .isEqualTo(november);
    }

    @Test
    void aShortMonthsLastDayBelongsToTheCycleThatStartsOnIt() {
        for (int anchorDay : List.of(29, 30, 31)) {
            assertThat(UsagePeriod.billingCycleContaining(
                                    Instant.parse("2026-02-28T12:00:00Z"), anchorDay, ZoneOffset.UTC)
                            .label())
                    .isEqualTo("2026-02-28/2026-03-" + anchorDay);
        }
        assertThat(UsagePeriod.billingCycleContaining(Instant.parse("2026-02-27T23:59:59Z"), 31, ZoneOffset.UTC)
                        .label())
                .isEqualTo("2026-01-31/2026-02-28");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, 32, Integer.MIN_VALUE, Integer.MAX_VALUE})
    void anAnchorDayThatNoMonthHasIsRejected(int anchorDay) {
        String message = "anchorDay must be 1 to 31, but was " + anchorDay;
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsagePeriod.billingCycle(YearMonth.of(2026, 3), anchorDay))
                .withMessage(message);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsagePeriod.billingCycleContaining(Instant.EPOCH, anchorDay, ZoneOffset.UTC))
                .withMessage(message);
    }

    @ParameterizedTest
    @ValueSource(strings = {"0000-12-31T23:59:59Z", "+10000-01-01T00:00:00Z", "-1000000000-01-01T00:00:00Z"})
    void anInstantOutsideTheYears1To9999BelongsToNoCycle(Instant instant) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsagePeriod.billingCycleContaining(instant, 1, ZoneOffset.UTC))
                .withMessageStartingWith(
                        "instant must lie between 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z")
                .withMessageEndingWith("but was " + instant);
    }

    @Test
    void theFirstInstantOfAllBelongsToTheFirstCycle() {
        Instant first = Instant.parse("0001-01-01T00:00:00Z");
        assertThat(UsagePeriod.billingCycleContaining(first, 1, ZoneOffset.UTC).start())
                .isEqualTo(first);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsagePeriod.billingCycleContaining(first, 2, ZoneOffset.UTC))
                .withMessageContaining("must lie between");
    }

    private static void assertContained(Instant instant, int anchorDay, ZoneId zone, long seed) {
        UsagePeriod cycle = UsagePeriod.billingCycleContaining(instant, anchorDay, zone);
        assertThat(!instant.isBefore(cycle.start()) && instant.isBefore(cycle.end()))
                .as(
                        "seed %d: %s lies in %s/%s, anchor %d, %s",
                        seed, instant, cycle.start(), cycle.end(), anchorDay, zone)
                .isTrue();
    }
}
