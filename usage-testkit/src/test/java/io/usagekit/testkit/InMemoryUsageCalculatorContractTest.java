package io.usagekit.testkit;

import io.usagekit.UsageCalculator;
import io.usagekit.testkit.contract.UsageCalculatorContract;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Set;

/** Runs the calculator contract on the in-memory calculator. */
// tag::quote
class InMemoryUsageCalculatorContractTest extends UsageCalculatorContract {

    private final InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create();

    @Override
    protected UsageCalculator calculator() {
        return calculator;
    }

    @Override
    protected Set<Capability> capabilities() {
        return EnumSet.allOf(Capability.class);
    }

    @Override
    protected void received(String organisationId, Instant at, int bytes) {
        calculator.received(organisationId, at, bytes);
    }

    @Override
    protected void sent(String organisationId, Instant at, int bytes) {
        calculator.sent(organisationId, at, bytes);
    }

    @Override
    protected void receivedAndSent(String organisationId, Instant at, int bytes) {
        calculator.receivedAndSent(organisationId, at, bytes);
    }

    @Override
    protected Runnable stallSource() {
        calculator.stall();
        return calculator::comeBack;
    }

    @Override
    protected Runnable breakSource() {
        calculator.goDown();
        return calculator::comeBack;
    }
}
// end::quote
