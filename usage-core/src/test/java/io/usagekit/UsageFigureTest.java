package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The values that carry a figure: {@link OrganisationUsage}, {@link AgedUsage}, {@link UsageResult}. */
class UsageFigureTest {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final Instant COMPUTED = Instant.parse("2026-03-17T01:28:00.123456Z");
    private static final OrganisationUsage USAGE =
            new OrganisationUsage(KEY, new UsageMetrics(100, 1024), new UsageMetrics(50, 512), COMPUTED);

    @Test
    void aFigureIsStampedInWholeMicroseconds() {
        OrganisationUsage usage =
                new OrganisationUsage(KEY, UsageMetrics.ZERO, UsageMetrics.ZERO, COMPUTED.plusNanos(999));
        assertThat(usage.createdAt()).isEqualTo(COMPUTED);
    }

    @Test
    void aFigureOfAnImpossibleOrganisationIsRejected() {
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> new OrganisationUsage(" ", KEY.period(), UsageMetrics.ZERO, UsageMetrics.ZERO, COMPUTED))
                .withMessageStartingWith("organisationId must not be blank");
    }

    @Test
    void aFigureKnowsItsKey() {
        assertThat(USAGE.key()).isEqualTo(KEY);
        assertThat(USAGE)
                .isEqualTo(new OrganisationUsage(
                        "org-123", KEY.period(), new UsageMetrics(100, 1024), new UsageMetrics(50, 512), COMPUTED));
    }

    @Test
    void anAgeIsNeverNegative() {
        assertThat(new AgedUsage(USAGE, Duration.ZERO).age()).isZero();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new AgedUsage(USAGE, Duration.ofNanos(-1)))
                .withMessage("age must be at least 0, but was PT-0.000000001S");
    }

    @Test
    void aKnownResultHasItsFigureAgeAndTimeOfComputation() {
        AgedUsage figure = new AgedUsage(USAGE, Duration.ofSeconds(7));
        UsageResult fresh = UsageResult.fresh(figure);
        UsageResult stale = UsageResult.stale(figure);

        assertThat(fresh.freshness()).isEqualTo(Freshness.FRESH);
        assertThat(stale.freshness()).isEqualTo(Freshness.STALE);
        for (UsageResult result : new UsageResult[] {fresh, stale}) {
            assertThat(result.isPending()).isFalse();
            assertThat(result.key()).isEqualTo(KEY);
            assertThat(result.usage()).contains(USAGE);
            assertThat(result.age()).contains(Duration.ofSeconds(7));
            assertThat(result.createdAt()).isEqualTo(COMPUTED);
        }
    }

    @Test
    void freshResultOfNumbersIsThatOfDurations() {
        UsageResult fresh = UsageResult.fresh(USAGE, 7_000_000_001L, 60_000_000_000L);
        assertThat(fresh)
                .isEqualTo(UsageResult.fresh(
                        new AgedUsage(USAGE, Duration.ofSeconds(7).plusNanos(1)), Duration.ofMinutes(1)));
        assertThat(fresh.age()).contains(Duration.ofSeconds(7).plusNanos(1));
        assertThat(fresh.freshFor()).isEqualTo(Duration.ofSeconds(53).minusNanos(1));
        assertThat(UsageResult.fresh(USAGE, 2, 1).freshFor()).isZero();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsageResult.fresh(USAGE, -1, 1))
                .withMessage("ageNanos must be at least 0, but was -1");
    }

    @Test
    void agesBeyondTheRangeOfNanosecondsCountAsItsEnd() {
        Duration longest = Duration.ofNanos(Long.MAX_VALUE);
        for (Duration age : List.of(longest, longest.plusNanos(1), Duration.ofSeconds(Long.MAX_VALUE))) {
            assertThat(UsageResult.stale(new AgedUsage(USAGE, age)).age()).contains(longest);
        }
    }

    @Test
    void anotherSpellingOfTheIdChangesNothingElse() {
        OrganisationUsage usage = new OrganisationUsage(KEY, new UsageMetrics(3, 7), UsageMetrics.ZERO, COMPUTED, 2);
        OrganisationUsage other = usage.withOrganisationId("ORG-123");
        assertThat(other.key()).isEqualTo(new UsageKey("ORG-123", KEY.period()));
        assertThat(other.withOrganisationId(KEY.organisationId())).isEqualTo(usage);
        UsageResult result = UsageResult.fresh(new AgedUsage(usage, Duration.ofSeconds(7)), Duration.ofMinutes(1));
        assertThat(result.withOrganisationId("ORG-123").usage()).contains(other);
        assertThat(result.withOrganisationId("ORG-123").withOrganisationId(KEY.organisationId()))
                .isEqualTo(result);
        assertThat(UsageResult.pending(KEY, COMPUTED).withOrganisationId("ORG-123"))
                .isEqualTo(UsageResult.pending(other.key(), COMPUTED));
    }

    @Test
    void saysWhetherPeriodWasOverWhenComputed() {
        Instant end = KEY.period().end();
        for (Instant at : List.of(end.minusNanos(1_000), end, end.plusSeconds(1))) {
            OrganisationUsage usage = new OrganisationUsage(KEY, UsageMetrics.ZERO, UsageMetrics.ZERO, at);
            boolean isOver = !at.isBefore(end);
            assertThat(usage.isPeriodOver()).as("computed at %s", at).isEqualTo(isOver);
            AgedUsage figure = new AgedUsage(usage, Duration.ofSeconds(7));
            assertThat(UsageResult.fresh(figure).isPeriodOver()).isEqualTo(isOver);
            assertThat(UsageResult.staleOnError(figure).isPeriodOver()).isEqualTo(isOver);
        }
        assertThat(UsageResult.pending(KEY, end).isPeriodOver()).as("no figure").isFalse();
    }

    @Test
    void aPendingResultHasNoFigureAndNoAge() {
        UsageResult pending = UsageResult.pending(KEY, COMPUTED.plusNanos(999));
        assertThat(pending.freshness()).isEqualTo(Freshness.PENDING);
        assertThat(pending.isPending()).isTrue();
        assertThat(pending.key()).isEqualTo(KEY);
        assertThat(pending.usage()).isEmpty();
        assertThat(pending.age()).isEmpty();
        assertThat(pending.createdAt()).as("whole microseconds").isEqualTo(COMPUTED);
    }

    @Test
    void resultsAreEqualWhenAllTheySayIs() {
        AgedUsage figure = new AgedUsage(USAGE, Duration.ofSeconds(7));
        UsageResult fresh = UsageResult.fresh(figure);
        assertThat(UsageResult.fresh(new AgedUsage(USAGE, Duration.ofSeconds(7))))
                .isEqualTo(fresh)
                .hasSameHashCodeAs(fresh);
        assertThat(UsageResult.stale(figure)).isNotEqualTo(fresh);
        assertThat(UsageResult.fresh(new AgedUsage(USAGE, Duration.ofSeconds(8))))
                .isNotEqualTo(fresh);
        assertThat(UsageResult.pending(KEY, COMPUTED))
                .isEqualTo(UsageResult.pending(KEY, COMPUTED))
                .isNotEqualTo(UsageResult.pending(KEY, COMPUTED.plusSeconds(1)))
                .isNotEqualTo(fresh);
    }

    @Test
    void aResultInALogLineSaysHowFreshItIs() {
        assertThat(UsageResult.stale(new AgedUsage(USAGE, Duration.ofSeconds(7)))
                        .toString())
                .startsWith("STALE ")
                .contains("org-123", "1024", "PT7S");
        assertThat(UsageResult.pending(KEY, COMPUTED)).hasToString("PENDING \"org-123\" in 2026-03");
    }
}
