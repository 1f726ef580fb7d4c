package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.postgres.rollups.RetentionDependant;
import io.usagekit.postgres.rollups.RetentionProgress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** Several listeners of a retention are notified of each event, and it ends after the batch during which its job was closed. */
class RetentionListenersTest {

    private final List<String> events = new ArrayList<>();

    private record Recorder(String name, List<String> events) implements RetentionProgress {
        @Override
        public void dependantsFound(List<RetentionDependant> dependants) {
            events.add(name + " dependants " + dependants);
        }

        @Override
        public void started(long parts) {
            events.add(name + " started " + parts);
        }

        @Override
        public void deleted(long deliveries, long deletedEvents) {
            events.add(name + " deleted " + deliveries + " " + deletedEvents);
        }

        @Override
        public void partCompleted() {
            events.add(name + " part");
        }
    }

    @Test
    void eachIsNotifiedUntilTheJobIsClosed() {
        AtomicBoolean closed = new AtomicBoolean();
        RetentionProgress progress = new RetentionListeners(
                        List.of(new Recorder("first", events), new Recorder("second", events)))
                .until(closed::get);

        progress.dependantsFound(List.of());
        progress.started(2);
        progress.deleted(3, 4);
        progress.partCompleted();
        closed.set(true);

        assertThatThrownBy(() -> progress.deleted(5, 6)).isInstanceOf(CancellationException.class);
        assertThat(events)
                .containsExactly(
                        "first dependants []",
                        "second dependants []",
                        "first started 2",
                        "second started 2",
                        "first deleted 3 4",
                        "second deleted 3 4",
                        "first part",
                        "second part",
                        "first deleted 5 6",
                        "second deleted 5 6");
    }
}
