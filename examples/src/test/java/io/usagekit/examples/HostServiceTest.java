package io.usagekit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** How a host tests what it builds on the service: no server, no sleep. */
class HostServiceTest {

    /** The host's own code. */
    record Quota(UsageService usage, long bytes) {
        boolean isUsedUp(String organisation, UsagePeriod period) {
            return usage.get(organisation, period)
                    .usage()
                    .map(figure -> figure.received().bytes() >= bytes)
                    .orElse(false); // not known yet
        }
    }

    // tag::quote
    @Test
    void aQuotaIsUsedUpOnceTheCachedFigureIsRefreshed() {
        ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
        InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create(clock);
        UsagePeriod march = UsagePeriod.parse("2026-03");
        try (UsageService usage = UsageService.builder(calculator)
                .cache(InMemoryUsageCache.create(clock))
                .clock(clock)
                .ticker(clock.ticker())
                .build()) {
            Quota quota = new Quota(usage, 1_000);
            calculator.received("org-123", clock.instant(), 999);
            assertThat(quota.isUsedUp("org-123", march)).isFalse();

            calculator.received("org-123", clock.instant(), 1);
            assertThat(quota.isUsedUp("org-123", march)).isFalse(); // cached

            clock.advance(Duration.ofMinutes(10));
            assertThat(quota.isUsedUp("org-123", march)).isTrue();
            assertThat(calculator.computations()).isEqualTo(2);
        }
    }
    // end::quote
}
