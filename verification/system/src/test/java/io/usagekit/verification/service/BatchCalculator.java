package io.usagekit.verification.service;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/** Computes batches of up to ten figures; organisations called bad fail by themselves. */
final class BatchCalculator implements UsageCalculator {

    private final ServiceFixture fixture;
    final List<Collection<UsageKey>> batches = new CopyOnWriteArrayList<>();
    final List<UsageKey> singles = new CopyOnWriteArrayList<>();
    final AtomicInteger running = new AtomicInteger();
    final AtomicInteger mostAtOnce = new AtomicInteger();
    volatile CountDownLatch gate = new CountDownLatch(0);

    BatchCalculator(ServiceFixture fixture) {
        this.fixture = fixture;
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        singles.add(key);
        return one(() -> fixture.database.calculate(key, timeout));
    }

    @Override
    public int maxBatch() {
        return 10;
    }

    @Override
    public Figures calculateAll(Collection<UsageKey> keys, Duration timeout) {
        batches.add(List.copyOf(keys));
        return one(() -> {
            Map<UsageKey, OrganisationUsage> figures = new HashMap<>();
            Map<UsageKey, UsageException> failures = new HashMap<>();
            for (UsageKey key : keys) {
                if (key.organisationId().startsWith("bad")) {
                    failures.put(key, new UsageCalculationException("no figure of " + key, null));
                } else if (!key.organisationId().startsWith("left out")) {
                    figures.put(key, fixture.database.calculate(key, timeout));
                }
            }
            return new Figures(figures, failures);
        });
    }

    private <T> T one(Supplier<T> computation) {
        CountDownLatch closed = gate;
        mostAtOnce.accumulateAndGet(running.incrementAndGet(), Math::max);
        try {
            ServiceFixture.await(closed);
            return computation.get();
        } finally {
            running.decrementAndGet();
        }
    }

    void hold() {
        gate = new CountDownLatch(1);
    }

    void awaitRunning(int computations) {
        while (running.get() < computations) {
            Thread.onSpinWait();
        }
    }
}
