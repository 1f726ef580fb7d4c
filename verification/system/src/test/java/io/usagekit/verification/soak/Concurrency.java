package io.usagekit.verification.soak;

import io.usagekit.UsageCalculator;
import java.util.concurrent.atomic.AtomicInteger;

/** Counts computations that run at the same time. Thread-safe. */
final class Concurrency {

    private final AtomicInteger present = new AtomicInteger();
    private final AtomicInteger most = new AtomicInteger();

    /** Returns a calculator that computes as this one does, and is counted. */
    UsageCalculator of(UsageCalculator calculator) {
        return (key, timeout) -> {
            most.accumulateAndGet(present.incrementAndGet(), Math::max);
            try {
                return calculator.calculate(key, timeout);
            } finally {
                present.decrementAndGet();
            }
        };
    }

    /** Returns the largest number so far. */
    int most() {
        return most.get();
    }
}
