package io.usagekit.cli.demo;

import io.usagekit.UsageKey;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * How long it takes.
 *
 * @param result the answer
 * @param cold with nothing cached: PostgreSQL computes, Redis keeps
 * @param hit out of Redis, the median of {@value #HITS}
 * @param burst until the last of {@value #CALLERS} callers, who come all at once with nothing cached, has the answer
 * @param burstQueries how many queries ran for them
 */
record DemoMeasurement(UsageResult result, Duration cold, Duration hit, Duration burst, long burstQueries) {

    static final int HITS = 201;
    static final int CALLERS = 64;

    /** Takes the times of one figure. */
    static DemoMeasurement of(UsageService usage, UsageKey key, LongSupplier queries) throws InterruptedException {
        usage.invalidate(key.organisationId(), key.period());
        long began = System.nanoTime();
        UsageResult result = usage.get(key.organisationId(), key.period());
        Duration cold = Duration.ofNanos(System.nanoTime() - began);
        Duration hit = hit(usage, key);
        usage.invalidate(key.organisationId(), key.period());
        long before = queries.getAsLong();
        Duration burst = burst(usage, key);
        return new DemoMeasurement(result, cold, hit, burst, queries.getAsLong() - before);
    }

    private static Duration hit(UsageService usage, UsageKey key) {
        List<Duration> times = new ArrayList<>();
        for (int i = 0; i < HITS; i++) {
            long began = System.nanoTime();
            usage.get(key.organisationId(), key.period());
            times.add(Duration.ofNanos(System.nanoTime() - began));
        }
        return times.stream().sorted().toList().get(HITS / 2);
    }

    private static Duration burst(UsageService usage, UsageKey key) throws InterruptedException {
        try (Burst burst = Burst.ready(CALLERS, () -> usage.get(key.organisationId(), key.period()))) {
            return burst.go();
        }
    }
}
