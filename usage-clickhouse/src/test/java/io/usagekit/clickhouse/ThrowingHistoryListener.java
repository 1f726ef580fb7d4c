package io.usagekit.clickhouse;

import io.usagekit.UsageCalculationException;
import java.time.Duration;
import java.util.List;

/** Records each event as a line, and throws an exception, which is to have no effect. */
record ThrowingHistoryListener(List<String> events) implements HistoryListener {

    private void record(String event) {
        events.add(event);
        throw new IllegalStateException("of the host");
    }

    @Override
    public void computed(Duration stateAge) {
        record("computed " + stateAge);
    }

    @Override
    public void refused(Refusal reason, UsageCalculationException error) {
        record(reason + " " + error.isTransient());
    }

    @Override
    public void readFailed(UsageCalculationException error) {
        record("failed " + error.isTransient());
    }
}
