package io.usagekit.spring;

import io.usagekit.UsageKey;
import io.usagekit.postgres.rollups.RollupListener;
import io.usagekit.postgres.rollups.RollupWorker;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Notifies several listeners of roll-ups. One that throws doesn't keep an event from the others. */
record RollupListeners(List<RollupListener> listeners) implements RollupListener {

    private static final Logger LOG = LoggerFactory.getLogger(RollupListeners.class);

    @Override
    public void fromRollups(UsageKey key, long liveHours, long markedHours) {
        each(listeners, listener -> listener.fromRollups(key, liveHours, markedHours));
    }

    @Override
    public void fromRawRows(UsageKey key, Fallback why) {
        each(listeners, listener -> listener.fromRawRows(key, why));
    }

    @Override
    public void runEnded(RollupWorker.LastRun run) {
        each(listeners, listener -> listener.runEnded(run));
    }

    static <L> void each(List<L> listeners, Consumer<L> event) {
        for (L listener : listeners) {
            try {
                event.accept(listener);
            } catch (RuntimeException e) {
                LOG.warn("a listener failed: {}", listener, e);
            }
        }
    }
}
