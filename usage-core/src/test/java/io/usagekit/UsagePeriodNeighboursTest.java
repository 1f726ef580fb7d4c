package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Previous, next and current periods, and the zone. Tests run with the JVM in Pacific/Apia (UTC+13), which nothing may see. */
class UsagePeriodNeighboursTest {

    private static final ZoneId KOLKATA = ZoneId.of("Asia/Kolkata");
    private static final ZoneId APIA = ZoneId.of("Pacific/Apia");
    private static final Duration MICRO = Duration.ofNanos(1_000);

    @ParameterizedTest
    @CsvSource({
        "2026-03, 2026-02, 2026-04",
        "2026-12, 2026-11, 2027-01",
        "2028-02-28, 2028-02-27, 2028-02-29",
        "2026-01-31/2026-02-28, 2026-01-03/2026-01-31, 2026-02-28/2026-03-28",
        "2026-03-01T00:00:00Z/2026-03-09T12:30:00Z, 2026-02-20T11:30:00Z/2026-03-01T00:00:00Z,"
                + "2026-03-09T12:30:00Z/2026-03-18T01:00:00Z",
    })
    void labelsNeighboursAsPeriodItself(String period, String previous, String next) {
        for (ZoneId zone : List.of(ZoneOffset.UTC, KOLKATA)) {
            UsagePeriod parsed = UsagePeriod.parse(period, zone);
            assertThat(parsed.previous()).isEqualTo(UsagePeriod.parse(previous, zone));
            assertThat(parsed.previous().label()).isEqualTo(previous);
            assertThat(parsed.next()).isEqualTo(UsagePeriod.parse(next, zone));
            assertThat(parsed.next().label()).isEqualTo(next);
        }
    }

    @Test
    void returnsToAnchorDayAfterShortMonth() {
        UsagePeriod january = UsagePeriod.billingCycle(YearMonth.of(2026, 1), 31);
        assertThat(january.label()).isEqualTo("2026-01-31/2026-02-28");
        assertThat(january.next().label()).isEqualTo("2026-02-28/2026-03-31");
        assertThat(january.next().next().label()).isEqualTo("2026-03-31/2026-04-30");
        assertThat(january.previous().label()).isEqualTo("2025-12-31/2026-01-31");
    }

    @ParameterizedTest
    @MethodSource("io.usagekit.UsagePeriodTest#zones")
    void neighboursTouchWithoutGapOrOverlap(ZoneId zone) {
        long seed = new Random().nextLong();
        System.out.println("UsagePeriodNeighboursTest seed " + seed);
        Random random = new Random(seed);
        for (int i = 0; i < 200; i++) {
            LocalDate date = LocalDate.of(1990 + random.nextInt(50), 1 + random.nextInt(12), 1 + random.nextInt(28));
            if (zone.equals(APIA) && date.equals(LocalDate.of(2011, 12, 30))) {
                continue; // that day didn't exist there
            }
            Instant from = date.atTime(random.nextInt(24), random.nextInt(60)).toInstant(ZoneOffset.UTC);
            for (UsagePeriod period : List.of(
                    UsagePeriod.day(date, zone),
                    UsagePeriod.month(YearMonth.from(date), zone),
                    UsagePeriod.billingCycle(YearMonth.from(date), 1 + random.nextInt(31), zone),
                    UsagePeriod.parse(date + "/" + date.plusDays(1 + random.nextInt(40)), zone),
                    UsagePeriod.between(from, from.plusSeconds(1 + random.nextInt(1_000_000))))) {
                String where = "%s in %s, seed %d".formatted(period.label(), zone, seed);
                assertThat(period.next().start()).as("next of %s", where).isEqualTo(period.end());
                assertThat(period.previous().end()).as("previous of %s", where).isEqualTo(period.start());
                assertThat(period.next().previous()).as("back to %s", where).isEqualTo(period);
                assertThat(period.next().previous().label()).isEqualTo(period.label());
                assertThat(period.next().zone()).isEqualTo(period.zone());
            }
        }
    }

    @Test
    void skipsDayThatZoneNeverHad() {
        UsagePeriod before = UsagePeriod.day(LocalDate.of(2011, 12, 29), APIA);
        assertThat(before.next().label()).isEqualTo("2011-12-31");
        assertThat(before.next().previous()).isEqualTo(before);
        UsagePeriod interval = UsagePeriod.parse("2011-12-29/2011-12-30", APIA);
        assertThat(interval.next().label()).isEqualTo("2011-12-31/2012-01-01");
        assertThat(interval.next().previous()).isEqualTo(interval);
    }

    @Test
    void rejectsNeighboursBeyondYears1And9999() {
        for (UsagePeriod last : List.of(
                UsagePeriod.parse("9999-12-30"),
                UsagePeriod.month(YearMonth.of(9999, 11)),
                UsagePeriod.between(Instant.parse("9999-06-01T00:00:00Z"), Instant.parse("9999-12-31T00:00:00Z")))) {
            assertThatIllegalArgumentException().isThrownBy(last::next).withMessageContaining("9999");
        }
        for (UsagePeriod first : List.of(
                UsagePeriod.parse("0001-01-01"),
                UsagePeriod.month(YearMonth.of(1, 1)),
                UsagePeriod.billingCycle(YearMonth.of(1, 1), 5))) {
            assertThatIllegalArgumentException().isThrownBy(first::previous).withMessageContaining("0001-01-01");
        }
    }

    @Test
    void containsItsStartAndNotItsEnd() {
        UsagePeriod march = UsagePeriod.month(YearMonth.of(2026, 3), KOLKATA);
        assertThat(march.contains(march.start())).isTrue();
        assertThat(march.contains(march.end().minusNanos(1))).isTrue();
        assertThat(march.contains(march.end())).isFalse();
        assertThat(march.contains(march.start().minusNanos(1))).isFalse();
    }

    @Test
    void currentMonthIsThatOfZoneAndClock() {
        InstantSource clock = InstantSource.fixed(Instant.parse("2026-02-28T20:00:00Z"));
        assertThat(UsagePeriod.current(ZoneOffset.UTC, clock).label()).isEqualTo("2026-02");
        assertThat(UsagePeriod.current(KOLKATA, clock)).isEqualTo(UsagePeriod.month(YearMonth.of(2026, 3), KOLKATA));
        assertThat(UsagePeriod.current(KOLKATA, clock).label()).isEqualTo("2026-03");
    }

    /** In St John's clocks went back from 0:01 to 23:01, so that an hour of the new day bore the old date. */
    @ParameterizedTest
    @MethodSource("io.usagekit.UsagePeriodTest#zones")
    void monthAndDayOfInstantContainIt(ZoneId zone) {
        for (LocalDate date = LocalDate.of(2009, 10, 25); date.getYear() < 2012; date = date.plusDays(1)) {
            if (zone.equals(APIA) && date.equals(LocalDate.of(2011, 12, 30))) {
                continue;
            }
            Instant midnight = UsagePeriod.day(date, zone).start();
            for (Instant instant : List.of(midnight, midnight.minus(MICRO), midnight.plusSeconds(120))) {
                assertThat(UsagePeriod.dayContaining(instant, zone).contains(instant))
                        .as("day of %s in %s", instant, zone)
                        .isTrue();
                assertThat(UsagePeriod.monthContaining(instant, zone).contains(instant))
                        .as("month of %s in %s", instant, zone)
                        .isTrue();
            }
        }
    }

    @Test
    void zoneIsThatOfCalendar() {
        assertThat(UsagePeriod.parse("2026-03").zone()).isEqualTo(ZoneOffset.UTC);
        assertThat(UsagePeriod.parse("2026-03-17", KOLKATA).zone()).isEqualTo(KOLKATA);
        assertThat(UsagePeriod.parse("2026-03-17T00:00+05:30/2026-03-18T00:00+05:30", KOLKATA)
                        .zone())
                .as("instants have no calendar")
                .isEqualTo(ZoneOffset.UTC);
    }

    @Test
    void figureTakesLabelAndZoneOfEqualPeriod() {
        ZoneId london = ZoneId.of("Europe/London");
        UsagePeriod utc = UsagePeriod.month(YearMonth.of(2026, 1));
        UsagePeriod winter = UsagePeriod.month(YearMonth.of(2026, 1), london);
        assertThat(winter).as("the same window").isEqualTo(utc);
        OrganisationUsage usage = new OrganisationUsage(
                new UsageKey("org-123", utc),
                UsageMetrics.ZERO,
                UsageMetrics.ZERO,
                Instant.parse("2026-03-17T00:00:00Z"));
        assertThat(usage.withPeriod(winter).period().zone()).isEqualTo(london);
        assertThat(usage.withPeriod(winter)).isEqualTo(usage);
        assertThat(usage.withPeriod(UsagePeriod.parse("2026-01")))
                .as("nothing to change")
                .isSameAs(usage);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> usage.withPeriod(utc.next()))
                .withMessageContaining("2026-01")
                .withMessageContaining("2026-02");
    }
}
