package io.usagekit.spring;

import io.usagekit.UsageKey;
import io.usagekit.postgres.rollups.RollupListener;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Several listeners in one. One that throws doesn't keep an event from the others. */
final class RollupListeners implements RollupListener {

    private static final Logger LOG = LoggerFactory.getLogger(RollupListeners.class);

    private final List<RollupListener> listeners;

    private RollupListeners(List<RollupListener> listeners) {
        this.listeners = listeners;
    }

    static RollupListener of(List<RollupListener> listeners) {
        return new RollupListeners(List.copyOf(listeners));
    }

    @Override
    public void fromRollups(UsageKey key, long liveHours, long markedHours) {
        each(listener -> listener.fromRollups(key, liveHours, markedHours));
    }

    @Override
    public void fromRawRows(UsageKey key, Fallback why) {
        each(listener -> listener.fromRawRows(key, why));
    }

    private void each(Consumer<RollupListener> event) {
        for (RollupListener listener : listeners) {
            try {
                event.accept(listener);
            } catch (RuntimeException e) {
                LOG.warn("a listener of roll-ups failed: {}", listener, e);
            }
        }
    }
}
