package io.usagekit.spring;

import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.awaitility.Awaitility;

/** What tests of whole applications wait for. */
final class Waits {

    static final Duration LONG = Duration.ofMinutes(2);

    private Waits() {}

    static void await(Callable<Boolean> condition) {
        Awaitility.await().atMost(LONG).until(condition);
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
