package io.usagekit.internal.ids;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Waiting for a source that doesn't say how it writes ids. */
class OrganisationIdsTest {

    private final AtomicInteger calls = new AtomicInteger();
    private final List<Runnable> timers = new ArrayList<>();
    private final List<Runnable> questions = new ArrayList<>();

    private final UsageCalculator calculator = new UsageCalculator() {
        @Override
        public OrganisationUsage calculate(UsageKey key, Duration timeout) {
            return new OrganisationUsage(key, UsageMetrics.ZERO, UsageMetrics.ZERO, Instant.EPOCH);
        }

        @Override
        public boolean knowsIds() {
            calls.incrementAndGet();
            return false;
        }
    };

    private final OrganisationIds ids = new OrganisationIds(
            calculator,
            questions::add,
            (delay, action) -> {
                timers.add(action);
                return () -> {};
            },
            Duration.ofSeconds(1),
            () -> 0);

    /** The host's calculator may block, and deadlines are due on the same thread. */
    @Test
    void doesNotCallTheCalculatorOnTheTimersThread() {
        CompletableFuture<Void> waiting = ids.ready();
        assertThat(waiting).isNotDone();
        int before = calls.get();

        timers.forEach(Runnable::run);

        assertThat(waiting).isCompleted();
        assertThat(calls).hasValue(before);
        assertThat(ids.ready()).as("later calls don't wait").isCompleted();
    }

    @Test
    void completesWhenTheSourceHasAnswered() {
        CompletableFuture<Void> waiting = ids.ready();

        questions.forEach(Runnable::run);

        assertThat(waiting).isCompleted();
    }
}
