package io.usagekit.spring.test;

import io.usagekit.UsageService;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.locks.LockSupport;
import org.springframework.beans.factory.ObjectProvider;

/** Undoes what a test method has done, so that the next one of the same context finds it as the first one did. */
final class InMemoryUsageReset {

    /** Longer than a service remembers anything: ttl and staleIfError are a day each at most, back-offs a minute. */
    private static final Duration LONGEST_MEMORY = Duration.ofDays(3);

    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final long POLL_NANOS = 200_000;

    private final ManualClock clock;
    private final Instant start;
    private final ObjectProvider<InMemoryUsageCalculator> calculators;
    private final ObjectProvider<InMemoryUsageCache> caches;
    private final ObjectProvider<UsageService> services;

    InMemoryUsageReset(
            ManualClock clock,
            ObjectProvider<InMemoryUsageCalculator> calculators,
            ObjectProvider<InMemoryUsageCache> caches,
            ObjectProvider<UsageService> services) {
        this.clock = clock;
        this.start = clock.instant();
        this.calculators = calculators;
        this.caches = caches;
        this.services = services;
    }

    /**
     * Waits for loads in flight, which would otherwise store figures of this test for the next one, and then resets.
     *
     * @throws IllegalStateException if loads are still in flight after a minute
     */
    void run() {
        calculators.ifAvailable(InMemoryUsageCalculator::comeBack);
        caches.ifAvailable(InMemoryUsageCache::comeBack);
        services.ifAvailable(InMemoryUsageReset::awaitLoads);
        calculators.ifAvailable(InMemoryUsageCalculator::clear);
        caches.ifAvailable(InMemoryUsageCache::clear);
        clock.advance(LONGEST_MEMORY);
        clock.set(start);
    }

    private static void awaitLoads(UsageService service) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (service.stats().loads() > 0) {
            if (System.nanoTime() - deadline > 0) {
                throw new IllegalStateException(
                        service.stats().loads() + " loads of the test are still in flight after " + PATIENCE
                                + ": let what holds them up end within the test");
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }
}
