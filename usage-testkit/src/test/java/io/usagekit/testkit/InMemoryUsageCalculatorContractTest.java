package io.usagekit.testkit;

import io.usagekit.UsageCalculator;
import io.usagekit.testkit.contract.UsageCalculatorContract;
import java.time.Instant;

/** Runs the calculator contract on the in-memory calculator. */
class InMemoryUsageCalculatorContractTest extends UsageCalculatorContract {

    private final InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create();

    @Override
    protected UsageCalculator calculator() {
        return calculator;
    }

    @Override
    protected void received(String organisationId, Instant at, int bytes) {
        calculator.received(organisationId, at, bytes);
    }

    @Override
    protected void sent(String organisationId, Instant at, int bytes) {
        calculator.sent(organisationId, at, bytes);
    }
}
