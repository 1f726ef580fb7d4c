package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/**
 * Contract of {@link UsageCalculator}: test cases that each implementation passes. A test class of the implementation extends this
 * class and provides a calculator over an empty source, and ways to add to the source.
 *
 * @since 0.1
 */
public abstract class UsageCalculatorContract {

    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));

    /** For subclasses. */
    protected UsageCalculatorContract() {}

    /** Returns the calculator under test; its source is empty when a test case starts. */
    protected abstract UsageCalculator calculator();

    /** Adds an event of this organisation, with a payload of this many octets. */
    protected abstract void received(String organisationId, Instant at, int bytes);

    /** Adds a successful delivery of this organisation, of an event of this many octets outside all windows of these cases. */
    protected abstract void sent(String organisationId, Instant at, int bytes);

    @Test
    final void returnsZerosForUnknownOrganisation() {
        assertUsage(UsageMetrics.ZERO, UsageMetrics.ZERO, "org-unknown", MARCH);
    }

    @Test
    final void returnsFigureOfRequestedKey() {
        UsageKey key = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3), ZoneId.of("Asia/Kolkata")));
        OrganisationUsage usage = calculator().calculate(key, PATIENCE);
        assertEquals(key, usage.key());
        assertEquals("2026-03", usage.period().label());
    }

    @Test
    final void countsHalfOpenWindowToTheMicrosecond() {
        received("org-123", MARCH.start().minusNanos(1_000), 1);
        received("org-123", MARCH.start(), 10);
        received("org-123", MARCH.end().minusNanos(1_000), 100);
        received("org-123", MARCH.end(), 1_000);
        sent("org-123", MARCH.start().minusNanos(1_000), 2);
        sent("org-123", MARCH.start(), 20);
        sent("org-123", MARCH.end().minusNanos(1_000), 200);
        sent("org-123", MARCH.end(), 2_000);
        assertUsage(new UsageMetrics(2, 110), new UsageMetrics(2, 220), "org-123", MARCH);
    }

    @Test
    final void keepsEndJustBelowMonth() {
        UsagePeriod almostMarch = UsagePeriod.between(MARCH.start(), MARCH.end().minusNanos(1));
        received("org-123", MARCH.end().minusNanos(2_000), 1);
        received("org-123", MARCH.end().minusNanos(1_000), 10);
        received("org-123", MARCH.end(), 100);
        assertUsage(new UsageMetrics(1, 1), UsageMetrics.ZERO, "org-123", almostMarch);
    }

    @Test
    final void countsEachEventInOneOfTwoConsecutivePeriods() {
        UsagePeriod before = UsagePeriod.day(LocalDate.of(2026, 3, 8), ZoneId.of("America/New_York"));
        UsagePeriod after = UsagePeriod.day(LocalDate.of(2026, 3, 9), ZoneId.of("America/New_York"));
        assertEquals(before.end(), after.start());
        received("org-123", before.end(), 7);
        sent("org-123", before.end().minusNanos(1_000), 5);
        assertUsage(UsageMetrics.ZERO, new UsageMetrics(1, 5), "org-123", before);
        assertUsage(new UsageMetrics(1, 7), UsageMetrics.ZERO, "org-123", after);
    }

    @Test
    final void separatesOrganisations() {
        List<String> ids = UsageCacheContract.unusualIds();
        for (int i = 0; i < ids.size(); i++) {
            received(ids.get(i), MARCH.start(), i + 1);
            sent(ids.get(i), MARCH.start(), 1_000 + i);
        }
        for (int i = 0; i < ids.size(); i++) {
            assertUsage(new UsageMetrics(1, i + 1), new UsageMetrics(1, 1_000 + i), ids.get(i), MARCH);
        }
    }

    @Test
    final void countsEmptyPayloadAsEventOfZeroBytes() {
        received("org-123", MARCH.start(), 0);
        sent("org-123", MARCH.start(), 0);
        assertUsage(new UsageMetrics(1, 0), new UsageMetrics(1, 0), "org-123", MARCH);
    }

    @Test
    final void stampsFigureWithTimeOfComputation() {
        UsageKey key = new UsageKey("org-123", MARCH);
        OrganisationUsage first = calculator().calculate(key, PATIENCE);
        OrganisationUsage second = calculator().calculate(key, PATIENCE);
        assertFalse(second.createdAt().isBefore(first.createdAt()), () -> first + " then " + second);
    }

    @Test
    final void computesConcurrently() throws Exception {
        long seed = new Random().nextLong();
        System.out.println("UsageCalculatorContract seed " + seed);
        Random random = new Random(seed);
        int[] events = new int[8];
        long[] bytes = new long[8];
        for (int i = 0; i < 64; i++) {
            int organisation = random.nextInt(events.length);
            int size = random.nextInt(500);
            events[organisation]++;
            bytes[organisation] += size;
            received("org-" + organisation, MARCH.start().plusSeconds(random.nextInt(86_400)), size);
        }
        List<Callable<Void>> calls = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
            int organisation = i % events.length;
            calls.add(() -> {
                assertUsage(
                        new UsageMetrics(events[organisation], bytes[organisation]),
                        UsageMetrics.ZERO,
                        "org-" + organisation,
                        MARCH);
                return null;
            });
        }
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            for (Future<Void> call : threads.invokeAll(calls)) {
                call.get();
            }
        } finally {
            threads.shutdown();
        }
    }

    private void assertUsage(UsageMetrics received, UsageMetrics sent, String organisationId, UsagePeriod period) {
        UsageKey key = new UsageKey(organisationId, period);
        OrganisationUsage usage = calculator().calculate(key, PATIENCE);
        assertEquals(received, usage.received(), () -> "received: " + key);
        assertEquals(sent, usage.sent(), () -> "sent: " + key);
    }
}
