package io.usagekit.spring.test;

import static io.usagekit.testkit.UsageAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.support.StaticListableBeanFactory;

/** A load that outlives its test stores nothing for the next one. */
class LoadsInFlightTest {

    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");

    private final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
    private final InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create(clock);
    private final InMemoryUsageCache cache = InMemoryUsageCache.create(clock);
    private final BlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();

    @Test
    void theResetWaitsForThem() throws Exception {
        try (UsageService usage = UsageService.builder(calculator)
                .cache(cache)
                .clock(clock)
                .ticker(clock.ticker())
                .executor(tasks::add)
                .build()) {
            CompletableFuture<UsageResult> load =
                    usage.refreshAsync("org-1", MARCH).toCompletableFuture();
            Runnable computation = tasks.take();
            Thread reset = new Thread(reset(usage)::run);
            reset.start();
            while (reset.isAlive() && reset.getState() != Thread.State.TIMED_WAITING) {
                Thread.onSpinWait();
            }

            computation.run();
            reset.join();
            assertThat(load.join()).isFresh();
            assertThat(cache.heldFigures()).isZero();
            assertThat(calculator.computations()).isZero();
        }
    }

    private InMemoryUsageReset reset(UsageService usage) {
        StaticListableBeanFactory beans = new StaticListableBeanFactory();
        beans.addBean("calculator", calculator);
        beans.addBean("cache", cache);
        beans.addBean("usage", usage);
        return new InMemoryUsageReset(
                clock,
                beans.getBeanProvider(InMemoryUsageCalculator.class),
                beans.getBeanProvider(InMemoryUsageCache.class),
                beans.getBeanProvider(UsageService.class));
    }
}
