package io.usagekit.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import org.junit.jupiter.api.Test;

class InMemoryUsageCalculatorTest {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final Duration TIMEOUT = Duration.ofSeconds(1);

    private final ManualClock clock = ManualClock.at("2026-03-17T01:28:00.123456Z");
    private final InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create(clock);

    @Test
    void countsStartButNotEndOfWindow() {
        calculator
                .received("org-123", MARCH.start().minusNanos(1_000), 1)
                .received("org-123", MARCH.start(), 20)
                .received("org-123", MARCH.end().minusNanos(1), 300)
                .received("org-123", MARCH.end(), 4_000);
        assertThat(usage("org-123", MARCH).received()).isEqualTo(new UsageMetrics(2, 320));
    }

    @Test
    void countsEventInOneOfTwoConsecutiveWindows() {
        UsagePeriod april = UsagePeriod.month(YearMonth.of(2026, 4));
        calculator.sent("org-123", MARCH.end(), 7);
        assertThat(usage("org-123", MARCH).sent()).isEqualTo(UsageMetrics.ZERO);
        assertThat(usage("org-123", april).sent()).isEqualTo(new UsageMetrics(1, 7));
    }

    @Test
    void countsReceivedAndSentPerOrganisation() {
        Instant at = Instant.parse("2026-03-02T10:00:00Z");
        calculator
                .received("org-123", at, 10)
                .sent("org-123", at, 3)
                .sent("org-123", at, 4)
                .sent("org-124", at, 1_000);
        OrganisationUsage usage = usage("org-123", MARCH);
        assertThat(usage.received()).isEqualTo(new UsageMetrics(1, 10));
        assertThat(usage.sent()).isEqualTo(new UsageMetrics(2, 7));
        assertThat(usage.key()).isEqualTo(new UsageKey("org-123", MARCH));
        assertThat(usage.createdAt()).isEqualTo(clock.instant());
    }

    @Test
    void countsManyEventsAndDeliveriesRecordedAtOnce() {
        calculator
                .received("org-123", MARCH.start(), new UsageMetrics(1_000_000, 5_000))
                .received("org-123", MARCH.start(), 1)
                .sent("org-123", MARCH.start(), new UsageMetrics(7, 0));
        OrganisationUsage usage = usage("org-123", MARCH);
        assertThat(usage.received()).isEqualTo(new UsageMetrics(1_000_001, 5_001));
        assertThat(usage.sent()).isEqualTo(new UsageMetrics(7, 0));
    }

    @Test
    void clearRemovesWhatWasRecordedAndCounted() {
        calculator.received("org-123", MARCH.start(), 1);
        usage("org-123", MARCH);
        calculator.clear();
        assertThat(calculator.computations()).isZero();
        assertThat(usage("org-123", MARCH).received()).isEqualTo(UsageMetrics.ZERO);
    }

    @Test
    void returnsZerosForUnknownOrganisation() {
        OrganisationUsage usage = usage("org-nobody", MARCH);
        assertThat(usage.received()).isEqualTo(UsageMetrics.ZERO);
        assertThat(usage.sent()).isEqualTo(UsageMetrics.ZERO);
    }

    @Test
    void throwsWhenSumOverflows() {
        calculator.received("org-123", MARCH.start(), Long.MAX_VALUE).received("org-123", MARCH.start(), 1);
        assertThatExceptionOfType(ArithmeticException.class).isThrownBy(() -> usage("org-123", MARCH));
    }

    @Test
    void countsFailedComputationsWhileDown() {
        calculator.goDown();
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> usage("org-123", MARCH));
        calculator.comeBack();
        assertThat(usage("org-123", MARCH).received()).isEqualTo(UsageMetrics.ZERO);
        assertThat(calculator.computations()).isEqualTo(2);
    }

    @Test
    void stampsFiguresBySystemClockUnlessClockIsGiven() {
        Instant before = Instant.now().minusSeconds(1);
        OrganisationUsage usage = InMemoryUsageCalculator.create().calculate(new UsageKey("org-123", MARCH), TIMEOUT);
        assertThat(usage.createdAt()).isBetween(before, Instant.now().plusSeconds(1));
    }

    private OrganisationUsage usage(String organisationId, UsagePeriod period) {
        return calculator.calculate(new UsageKey(organisationId, period), TIMEOUT);
    }
}
