package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.rollups.RollupListener;
import io.usagekit.postgres.rollups.RollupWorker;
import java.lang.reflect.Method;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Several listeners of roll-ups are notified of each event, whatever one of them throws. */
class RollupListenersTest {

    private static final UsageKey KEY = new UsageKey("org-1", UsagePeriod.parse("2026-03"));

    private static final RollupWorker.LastRun RUN =
            new RollupWorker.LastRun(Instant.EPOCH, Duration.ZERO, Optional.empty(), Optional.empty());

    private final List<String> events = new ArrayList<>();

    private final class Recorder implements RollupListener {
        private final String name;

        Recorder(String name) {
            this.name = name;
        }

        @Override
        public void fromRollups(UsageKey key, long liveHours, long markedHours) {
            events.add(name + " " + liveHours + " " + markedHours);
            if (name.equals("first")) {
                throw new IllegalStateException("of the host");
            }
        }

        @Override
        public void fromRawRows(UsageKey key, Fallback why) {
            events.add(name + " " + why);
        }

        @Override
        public void runEnded(RollupWorker.LastRun run) {
            events.add(name + " " + run);
        }
    }

    @Test
    void eachIsNotified() {
        RollupListener both = new RollupListeners(List.of(new Recorder("first"), new Recorder("second")));

        both.fromRollups(KEY, 3, 2);
        both.fromRawRows(KEY, RollupListener.Fallback.ABSENT);
        both.runEnded(RUN);

        assertThat(events)
                .containsExactly(
                        "first 3 2", "second 3 2", "first ABSENT", "second ABSENT", "first " + RUN, "second " + RUN);
    }

    /** A method that is added to the interface does nothing here unless it is overridden. */
    @Test
    void everyMethodIsForwarded() {
        assertThat(RollupListener.class.getMethods())
                .extracting(Method::getName)
                .isSubsetOf(Stream.of(RollupListeners.class.getDeclaredMethods())
                        .map(Method::getName)
                        .toList());
    }
}
