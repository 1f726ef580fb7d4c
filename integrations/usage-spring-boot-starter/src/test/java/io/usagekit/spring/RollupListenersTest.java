package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.rollups.RollupListener;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Several listeners of roll-ups are notified of each event, whatever one of them throws. */
class RollupListenersTest {

    private static final UsageKey KEY = new UsageKey("org-1", UsagePeriod.parse("2026-03"));

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
    }

    @Test
    void eachIsNotified() {
        RollupListener both = RollupListeners.of(List.of(new Recorder("first"), new Recorder("second")));

        both.fromRollups(KEY, 3, 2);
        both.fromRawRows(KEY, RollupListener.Fallback.ABSENT);

        assertThat(events).containsExactly("first 3 2", "second 3 2", "first ABSENT", "second ABSENT");
        assertThat(both.toString()).isNotEmpty();
        assertThat(both.hashCode()).isEqualTo(both.hashCode());
    }

    @Test
    void oneIsTakenAsItIsAndNoneIsAllowed() {
        Recorder only = new Recorder("only");

        assertThat(RollupListeners.of(List.of(only))).isSameAs(only);
        RollupListeners.of(List.of()).fromRawRows(KEY, RollupListener.Fallback.ABSENT);
        assertThat(events).isEmpty();
    }
}
