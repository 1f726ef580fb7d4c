package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.testkit.internal.UnusualKeys;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/**
 * Contract of {@link UsageCalculator}: test cases that each implementation passes. A test class of the implementation extends this
 * class and provides a calculator over an empty source, and ways to add to the source. What the source can't do is left out of
 * {@link #capabilities()}: the cases that need it are reported as skipped, with what they would have checked.
 *
 * @since 0.1
 */
public abstract class UsageCalculatorContract {

    /** What a test can do with the source. */
    public enum Capability {
        /** The source can stop answering: {@link #stallSource} is overridden. */
        STALL,
        /** The source can fail: {@link #breakSource} is overridden. */
        FAILURE,
        /** The source adds an event and its delivery in one transaction: {@link #receivedAndSent} is overridden. */
        TRANSACTIONS,
        /** {@link #received} and {@link #sent} take sizes up to a gigabyte at once, since the source keeps sizes only. */
        LARGE_PAYLOADS
    }

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final Duration SHORT_TIMEOUT = Duration.ofMillis(300);
    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final UsageKey KEY = new UsageKey("org-123", MARCH);

    /** Commits that must happen between two computations of the same reader: any of them can fall between two snapshots. */
    private static final int COMMITS_SEEN = 100;

    private static final int MANY_EVENTS = 40_000;

    /** For subclasses. */
    protected UsageCalculatorContract() {}

    /** Returns the calculator under test; its source is empty when a test case starts. */
    protected abstract UsageCalculator calculator();

    /** Returns what a test can do with the source; a case that needs anything else is skipped. */
    protected abstract Set<Capability> capabilities();

    /** Adds an event of this organisation, with a payload of this many octets. */
    protected abstract void received(String organisationId, Instant at, int bytes);

    /** Adds a successful delivery of this organisation, of an event of this many octets outside all windows of these cases. */
    protected abstract void sent(String organisationId, Instant at, int bytes);

    /** Adds events, each as {@link #received} does; one by one unless overridden. */
    protected void receivedMany(String organisationId, Instant at, int bytes, int events) {
        for (int i = 0; i < events; i++) {
            received(organisationId, at, bytes);
        }
    }

    /**
     * Adds an event of this organisation and a successful delivery of it, both at this instant, so that no reader sees one without
     * the other: for {@link Capability#TRANSACTIONS}.
     */
    protected void receivedAndSent(String organisationId, Instant at, int bytes) {
        throw notOverridden("receivedAndSent", Capability.TRANSACTIONS);
    }

    /**
     * Makes the source answer no query, for example by a lock on its tables: for {@link Capability#STALL}.
     *
     * @return lets it answer again; called once
     */
    protected Runnable stallSource() {
        throw notOverridden("stallSource", Capability.STALL);
    }

    /**
     * Makes each query of the source fail, for example by renaming a table: for {@link Capability#FAILURE}.
     *
     * @return lets queries succeed again; called once
     */
    protected Runnable breakSource() {
        throw notOverridden("breakSource", Capability.FAILURE);
    }

    /** Returns the clock that stamps figures: the system's unless overridden, for example by that of the database. */
    protected InstantSource clock() {
        return InstantSource.system();
    }

    /** Returns how long a case waits for a calculator that should have answered, before the case fails. */
    protected Duration patience() {
        return Duration.ofSeconds(15);
    }

    private static UnsupportedOperationException notOverridden(String method, Capability capability) {
        return new UnsupportedOperationException(
                "override " + method + ", or leave " + capability + " out of capabilities()");
    }

    private void require(Capability capability, String check) {
        assumeTrue(
                capabilities().contains(capability),
                () -> "not checked, since capabilities() lacks " + capability + ": " + check);
    }

    // Which figure

    @Test
    final void returnsZerosForUnknownOrganisation() {
        assertUsage(UsageMetrics.ZERO, UsageMetrics.ZERO, "org-unknown", MARCH);
    }

    @Test
    final void returnsFigureOfRequestedKey() {
        UsageKey key = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3), ZoneId.of("Asia/Kolkata")));
        OrganisationUsage usage = calculate(calculator(), key);
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
        List<String> ids = UnusualKeys.organisationIds();
        for (int i = 0; i < ids.size(); i++) {
            received(ids.get(i), MARCH.start(), i + 1);
            sent(ids.get(i), MARCH.start(), 1_000 + i);
        }
        for (int i = 0; i < ids.size(); i++) {
            assertUsage(new UsageMetrics(1, i + 1), new UsageMetrics(1, 1_000 + i), ids.get(i), MARCH);
        }
    }

    // Sums

    @Test
    final void countsEmptyPayloadAsEventOfZeroBytes() {
        received("org-123", MARCH.start(), 0);
        sent("org-123", MARCH.start(), 0);
        assertUsage(new UsageMetrics(1, 0), new UsageMetrics(1, 0), "org-123", MARCH);
    }

    @Test
    final void addsUpBytesBeyond16Bits() {
        for (int bytes : new int[] {32_767, 1, 32_768, 65_535, 100_001}) {
            received("org-123", MARCH.start(), bytes);
            sent("org-123", MARCH.start(), bytes + 1);
        }
        assertUsage(new UsageMetrics(5, 231_072), new UsageMetrics(5, 231_077), "org-123", MARCH);
    }

    @Test
    final void addsUpBytesBeyond32Bits() {
        require(Capability.LARGE_PAYLOADS, "bytes beyond 32 bits are added up exactly");
        for (int n = 0; n < 9; n++) {
            received("org-123", MARCH.start(), 1_000_000_007);
            sent("org-123", MARCH.start(), 1_000_000_009);
        }
        assertUsage(new UsageMetrics(9, 9_000_000_063L), new UsageMetrics(9, 9_000_000_081L), "org-123", MARCH);
    }

    @Test
    final void countsEventsBeyond15Bits() {
        receivedMany("org-123", MARCH.start(), 3, MANY_EVENTS);
        assertUsage(new UsageMetrics(MANY_EVENTS, 3 * MANY_EVENTS), UsageMetrics.ZERO, "org-123", MARCH);
    }

    // When and how it is computed

    @Test
    final void computesFigureAtEachCall() {
        UsageCalculator calculator = calculator();
        for (int n = 0; n < 3; n++) {
            OrganisationUsage usage = calculate(calculator, KEY);
            assertEquals(new UsageMetrics(n, 10L * n), usage.received(), "a figure computed now, not an earlier one");
            assertEquals(new UsageMetrics(n, 7L * n), usage.sent(), "a figure computed now, not an earlier one");
            received("org-123", MARCH.start(), 10);
            sent("org-123", MARCH.start(), 7);
        }
    }

    @Test
    final void stampsFigureWithTimeOfComputation() {
        UsageCalculator calculator = calculator();
        for (int n = 0; n < 3; n++) {
            Instant before = clock().instant().truncatedTo(ChronoUnit.MILLIS);
            Instant createdAt = calculate(calculator, KEY).createdAt();
            Instant after = clock().instant();
            assertFalse(
                    createdAt.isBefore(before) || createdAt.isAfter(after),
                    () -> "createdAt says when the figure was computed, between " + before + " and " + after
                            + " by clock(), but was " + createdAt);
            awaitTick(after);
        }
    }

    /** Waits until the clock, if it runs, shows a later millisecond. */
    private void awaitTick(Instant last) {
        Instant later = last.plusMillis(2);
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(20);
        while (clock().instant().isBefore(later) && System.nanoTime() < deadline) {
            Thread.onSpinWait();
        }
    }

    @Test
    final void computesFigureInOneSnapshot() throws Exception {
        require(Capability.TRANSACTIONS, "all parts of a figure come from one snapshot");
        UsageCalculator calculator = calculator();
        AtomicBoolean end = new AtomicBoolean();
        AtomicInteger computations = new AtomicInteger();
        ExecutorService threads = Executors.newSingleThreadExecutor();
        Future<?> writer = threads.submit(() -> write(end, computations));
        try {
            long last = 0;
            for (int commits = 0; commits < COMMITS_SEEN && !writer.isDone(); computations.incrementAndGet()) {
                OrganisationUsage usage = calculate(calculator, KEY);
                UsageMetrics whole = new UsageMetrics(
                        usage.received().volume(), 7 * usage.received().volume());
                assertEquals(
                        List.of(whole, whole),
                        List.of(usage.received(), usage.sent()),
                        "received and sent, volume and bytes come from one snapshot: the source gets an event of 7 octets"
                                + " and its delivery in one transaction");
                commits += last == whole.volume() ? 0 : 1;
                last = whole.volume();
            }
        } finally {
            end.set(true);
            threads.shutdown();
        }
        writer.get(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
    }

    /** Commits as long as it isn't far ahead of the reader, so that the source stays small. */
    private void write(AtomicBoolean end, AtomicInteger computations) {
        for (int commits = 0; !end.get(); ) {
            if (commits < 4 * computations.get() + 10) {
                receivedAndSent("org-123", MARCH.start(), 7);
                commits++;
            } else {
                LockSupport.parkNanos(10_000);
            }
        }
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
        UsageCalculator calculator = calculator();
        CyclicBarrier start = new CyclicBarrier(events.length);
        List<Callable<Void>> calls = new ArrayList<>();
        for (int i = 0; i < events.length; i++) {
            int first = i;
            calls.add(() -> {
                start.await(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
                for (int n = 0; n < 25; n++) {
                    int organisation = (first + n) % events.length;
                    UsageKey key = new UsageKey("org-" + organisation, MARCH);
                    OrganisationUsage usage = calculate(calculator, key);
                    assertEquals(key, usage.key(), "of calls on many threads, each gets its own key's figure");
                    assertEquals(
                            new UsageMetrics(events[organisation], bytes[organisation]),
                            usage.received(),
                            key::toString);
                }
                return null;
            });
        }
        ExecutorService threads = Executors.newFixedThreadPool(events.length);
        try {
            for (Future<Void> call : threads.invokeAll(calls)) {
                call.get();
            }
        } catch (ExecutionException e) {
            throw new AssertionError("a call on one of many threads: " + e, e);
        } finally {
            threads.shutdown();
        }
    }

    // What can't be computed

    @Test
    final void givesUpAtTimeout() {
        require(Capability.STALL, "a calculator gives up at its timeout");
        received("org-123", MARCH.start(), 10);
        UsageCalculator calculator = calculator();
        calculate(calculator, KEY);
        Runnable resume = stallSource();
        try {
            Throwable error = failureOf(
                    calculator,
                    SHORT_TIMEOUT,
                    "the source doesn't answer: calculate gives up when its timeout of " + SHORT_TIMEOUT
                            + " is over, since no caller waits any longer");
            assertInstanceOf(UsageCalculationException.class, error, () -> "what a timeout throws: " + error);
        } finally {
            resume.run();
        }
        assertUsage(new UsageMetrics(1, 10), UsageMetrics.ZERO, "org-123", MARCH);
    }

    @Test
    final void throwsUsageCalculationExceptionWhenSourceFails() {
        require(Capability.FAILURE, "a source that fails ends in UsageCalculationException");
        received("org-123", MARCH.start(), 10);
        UsageCalculator calculator = calculator();
        for (int n = 0; n < 2; n++) {
            Runnable repair = breakSource();
            try {
                Throwable error =
                        failureOf(calculator, TIMEOUT, "the source fails: there is no figure, also not zeros");
                assertInstanceOf(
                        UsageCalculationException.class,
                        error,
                        () -> "callers handle UsageCalculationException only, but got " + error);
                assertFalse(String.valueOf(error.getMessage()).isBlank(), "the message says what failed");
            } finally {
                repair.run();
            }
            assertEquals(
                    new UsageMetrics(1, 10), calculate(calculator, KEY).received(), "once the source answers again");
        }
    }

    /** Returns what a computation throws; fails if it returns a figure, or doesn't end in time. */
    private Throwable failureOf(UsageCalculator calculator, Duration timeout, String promise) {
        ExecutorService thread = Executors.newSingleThreadExecutor(run -> {
            Thread daemon = new Thread(run, "calculate");
            daemon.setDaemon(true);
            return daemon;
        });
        Future<OrganisationUsage> call = thread.submit(() -> calculator.calculate(KEY, timeout));
        thread.shutdown();
        try {
            OrganisationUsage usage = call.get(timeout.plus(patience()).toMillis(), TimeUnit.MILLISECONDS);
            return fail(promise + "; but it returned " + usage);
        } catch (ExecutionException e) {
            return e.getCause() == null ? e : e.getCause();
        } catch (TimeoutException e) {
            return fail(promise + "; but it was still computing " + patience() + " later");
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted while waiting", e);
        }
    }

    private void assertUsage(UsageMetrics received, UsageMetrics sent, String organisationId, UsagePeriod period) {
        UsageKey key = new UsageKey(organisationId, period);
        OrganisationUsage usage = calculate(calculator(), key);
        assertEquals(received, usage.received(), () -> "received: " + key);
        assertEquals(sent, usage.sent(), () -> "sent: " + key);
        UsageKey unknown = new UsageKey("org-another", period);
        UsageCalculator.Figures all = calculator().calculateAll(List.of(unknown, key), TIMEOUT);
        OrganisationUsage together = all.figures().get(key);
        assertNotNull(together, () -> "in a batch: " + key + ", but it failed: " + all.failures());
        assertEquals(received, together.received(), () -> "received, in a batch: " + key);
        assertEquals(sent, together.sent(), () -> "sent, in a batch: " + key);
    }

    private static OrganisationUsage calculate(UsageCalculator calculator, UsageKey key) {
        OrganisationUsage usage =
                assertDoesNotThrow(() -> calculator.calculate(key, TIMEOUT), () -> "the figure of " + key);
        assertNotNull(usage, () -> "the figure of " + key);
        return usage;
    }
}
