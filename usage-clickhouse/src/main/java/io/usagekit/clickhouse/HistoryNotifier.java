package io.usagekit.clickhouse;

import io.usagekit.UsageCalculationException;
import io.usagekit.clickhouse.HistoryListener.Refusal;
import java.time.Duration;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Notifies a listener whose exceptions have no effect; returns the errors that are to be thrown. */
record HistoryNotifier(HistoryListener listener) {

    private static final Logger LOG = LoggerFactory.getLogger(HistoryNotifier.class);

    void computed(Duration stateAge) {
        call(to -> to.computed(stateAge));
    }

    UsageCalculationException refused(Refusal reason, UsageCalculationException error) {
        call(to -> to.refused(reason, error));
        return error;
    }

    UsageCalculationException readFailed(UsageCalculationException error) {
        call(to -> to.readFailed(error));
        return error;
    }

    private void call(Consumer<HistoryListener> event) {
        try {
            event.accept(listener);
        } catch (RuntimeException e) {
            LOG.warn("the listener of history on ClickHouse threw an exception", e);
        }
    }
}
