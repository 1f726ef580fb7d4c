package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/** What tests of whole applications wait for. */
final class Waits {

    static final Duration LONG = Duration.ofMinutes(2);

    private Waits() {}

    static void await(BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + LONG.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waited for %s", LONG).isLessThan(deadline);
            Thread.sleep(10);
        }
    }

    static boolean isClosed(UsageService usage) {
        try {
            usage.getAsync("org-1", UsagePeriod.parse("2026-03"));
            return false;
        } catch (IllegalStateException closed) {
            return true;
        }
    }
}
