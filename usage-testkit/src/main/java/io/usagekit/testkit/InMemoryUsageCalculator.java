package io.usagekit.testkit;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Calculator over events and deliveries that a test records, with the rules of the PostgreSQL calculator: half-open windows, whole
 * microseconds, zeros for an unknown organisation. It counts its computations and can be taken down. Thread-safe.
 *
 * @since 0.1
 */
public final class InMemoryUsageCalculator implements UsageCalculator {

    private record Fact(String organisationId, Instant at, UsageMetrics received, UsageMetrics sent) {}

    private final List<Fact> facts = new CopyOnWriteArrayList<>();
    private final AtomicLong computations = new AtomicLong();
    private final InstantSource clock;
    private volatile boolean down;

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
        facts.add(new Fact(organisationId, at, new UsageMetrics(1, bytes), UsageMetrics.ZERO));
        return this;
    }

    /** Records a successful delivery made at this instant. */
    public InMemoryUsageCalculator sent(String organisationId, Instant at, long bytes) {
        facts.add(new Fact(organisationId, at, UsageMetrics.ZERO, new UsageMetrics(1, bytes)));
        return this;
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        computations.incrementAndGet();
        if (down) {
            throw new UsageCalculationException("the in-memory calculator was taken down by goDown()", null);
        }
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

    /** Returns the number of computations started, failed ones included. */
    public long computations() {
        return computations.get();
    }

    /** Makes every computation fail, as if the database couldn't be reached. */
    public void goDown() {
        down = true;
    }

    /** Makes computations succeed again. */
    public void comeBack() {
        down = false;
    }
}
