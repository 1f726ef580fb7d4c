package io.usagekit.testkit;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Calculator over events and deliveries that a test records, with the rules of the PostgreSQL calculator: half-open windows, whole
 * microseconds, zeros for an unknown organisation. It counts its computations, and can be taken down or stopped. Thread-safe.
 *
 * @since 0.1
 */
public final class InMemoryUsageCalculator implements UsageCalculator {

    private record Fact(String organisationId, Instant at, UsageMetrics received, UsageMetrics sent) {}

    /** In the order recorded: a computation reads all facts up to one of them. */
    private final Queue<Fact> facts = new ConcurrentLinkedQueue<>();

    private final AtomicLong computations = new AtomicLong();
    private final InstantSource clock;
    private volatile boolean down;
    private volatile CountDownLatch stalled = new CountDownLatch(0);

    private InMemoryUsageCalculator(InstantSource clock) {
        this.clock = Objects.requireNonNull(clock, "clock");
    }

    /** Returns a calculator without events; the system's clock stamps figures. */
    public static InMemoryUsageCalculator create() {
        return create(InstantSource.system());
    }

    /** Returns a calculator without events; this clock stamps figures. */
    public static InMemoryUsageCalculator create(InstantSource clock) {
        return new InMemoryUsageCalculator(clock);
    }

    /** Records an event received at this instant. */
    public InMemoryUsageCalculator received(String organisationId, Instant at, long bytes) {
        return received(organisationId, at, new UsageMetrics(1, bytes));
    }

    /** Records events received at this instant: their number, and the octets of all of them. */
    public InMemoryUsageCalculator received(String organisationId, Instant at, UsageMetrics events) {
        facts.add(new Fact(organisationId, at, events, UsageMetrics.ZERO));
        return this;
    }

    /** Records a successful delivery made at this instant. */
    public InMemoryUsageCalculator sent(String organisationId, Instant at, long bytes) {
        return sent(organisationId, at, new UsageMetrics(1, bytes));
    }

    /** Records successful deliveries made at this instant: their number, and the octets of all of them. */
    public InMemoryUsageCalculator sent(String organisationId, Instant at, UsageMetrics deliveries) {
        facts.add(new Fact(organisationId, at, UsageMetrics.ZERO, deliveries));
        return this;
    }

    /** Records an event received and successfully delivered at this instant, in one step: no figure counts one without the other. */
    public InMemoryUsageCalculator receivedAndSent(String organisationId, Instant at, long bytes) {
        facts.add(new Fact(organisationId, at, new UsageMetrics(1, bytes), new UsageMetrics(1, bytes)));
        return this;
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        computations.incrementAndGet();
        if (down) {
            throw new UsageCalculationException("the in-memory calculator was taken down by goDown()", null);
        }
        awaitAnswer(key, timeout);
        Instant now = clock.instant();
        UsageMetrics received = UsageMetrics.ZERO;
        UsageMetrics sent = UsageMetrics.ZERO;
        for (Fact fact : facts) {
            if (fact.organisationId().equals(key.organisationId())
                    && !fact.at().isBefore(key.period().start())
                    && fact.at().isBefore(key.period().end())) {
                received = received.plus(fact.received());
                sent = sent.plus(fact.sent());
            }
        }
        return new OrganisationUsage(key, received, sent, now);
    }

    private void awaitAnswer(UsageKey key, Duration timeout) {
        try {
            if (!stalled.await(timeout.toNanos(), TimeUnit.NANOSECONDS)) {
                throw new UsageCalculationException(
                        "the usage of " + key + " wasn't computed within " + timeout
                                + ": the in-memory calculator was stopped by stall()",
                        null);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new UsageCalculationException("the computation of the usage of " + key + " was interrupted", e);
        }
    }

    /** Returns the number of computations started, failed ones included. */
    public long computations() {
        return computations.get();
    }

    /** Removes what was recorded, and counts computations from zero again. */
    public void clear() {
        facts.clear();
        computations.set(0);
    }

    /** Makes every computation fail, as if the database couldn't be reached. */
    public void goDown() {
        down = true;
    }

    /** Makes every computation wait until {@link #comeBack} or its timeout, as if the database had stopped answering. */
    public synchronized void stall() {
        if (stalled.getCount() == 0) {
            stalled = new CountDownLatch(1);
        }
    }

    /** Makes computations succeed again; those that wait continue. */
    public void comeBack() {
        down = false;
        stalled.countDown();
    }
}
