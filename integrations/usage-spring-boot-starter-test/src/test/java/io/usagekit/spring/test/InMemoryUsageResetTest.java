package io.usagekit.spring.test;

import static io.usagekit.testkit.UsageAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.context.annotation.Configuration;

/** Each test method leaves something behind; whichever runs next finds nothing of it. */
@SpringBootTest
@AutoConfigureInMemoryUsage
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class InMemoryUsageResetTest {

    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");
    private static final Instant EVENT = Instant.parse("2026-03-17T12:00:00Z");

    private final UsageService usage;
    private final InMemoryUsageCalculator calculator;
    private final InMemoryUsageCache cache;
    private final ManualClock clock;
    private final Set<Instant> starts = new HashSet<>();

    @Autowired
    InMemoryUsageResetTest(
            UsageService usage, InMemoryUsageCalculator calculator, InMemoryUsageCache cache, ManualClock clock) {
        this.usage = usage;
        this.calculator = calculator;
        this.cache = cache;
        this.clock = clock;
    }

    @BeforeEach
    void nothingIsLeft() {
        starts.add(clock.instant());
        assertThat(calculator.computations()).isZero();
        assertThat(cache.reads()).isZero();
        assertThat(cache.heldFigures()).isZero();
        assertThat(usage.stats().loads()).isZero();
        assertThat(usage.get("org-1", MARCH)).isFresh().hasReceived(0, 0);
    }

    @AfterAll
    void eachStartedAtTheSameTime() {
        assertThat(starts).hasSize(1);
    }

    @Test
    void leavesAnEventAndAFigure() {
        calculator.received("org-1", EVENT, 10);
        assertThat(usage.refresh("org-1", MARCH)).hasReceived(1, 10);
    }

    @Test
    void leavesTheClockElsewhere() {
        clock.advance(Duration.ofDays(1));
        clock.set("2026-03-17T12:00:00Z");
    }

    @Test
    void leavesAnOutageAndItsBackOff() {
        calculator.goDown();
        usage.invalidate("org-1");
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> usage.get("org-1", MARCH));
    }

    @Test
    void leavesAnOutageOfTheCache() {
        cache.goDown();
    }

    @Test
    void leavesALoadInFlight() {
        calculator.received("org-1", EVENT, 10).stall();
        CompletionStage<?> load = usage.refreshAsync("org-1", MARCH);
        assertThat(usage.stats().loads()).isPositive();
        assertThat(load.toCompletableFuture()).isNotDone();
    }

    @Configuration(proxyBeanMethods = false)
    static class Host {}
}
