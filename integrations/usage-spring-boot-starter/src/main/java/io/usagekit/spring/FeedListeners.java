package io.usagekit.spring;

import static io.usagekit.spring.RollupListeners.each;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.clickhouse.HistoryListener;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.FeedCycle;
import io.usagekit.postgres.rollups.spi.FeedListener;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import java.time.Duration;
import java.util.List;

/** Notifies several listeners of a feed, of reads of cells, or of history. One that throws doesn't keep an event from the others. */
final class FeedListeners {

    private FeedListeners() {}

    static FeedListener ofRuns(List<FeedListener> listeners) {
        return new FeedListener() {
            @Override
            public void cycleEnded(FeedCycle cycle) {
                each(listeners, listener -> listener.cycleEnded(cycle));
            }

            @Override
            public void runEnded(FeedWorker.LastRun run) {
                each(listeners, listener -> listener.runEnded(run));
            }
        };
    }

    static CellReadListener ofReads(List<CellReadListener> listeners) {
        return new CellReadListener() {
            @Override
            public void fromCells(UsageKey key, long days) {
                each(listeners, listener -> listener.fromCells(key, days));
            }

            @Override
            public void fromRollups(UsageKey key) {
                each(listeners, listener -> listener.fromRollups(key));
            }

            @Override
            public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
                each(listeners, listener -> listener.refused(key, days, reshipped));
            }

            @Override
            public void readFailed(UsageKey key, Throwable error) {
                each(listeners, listener -> listener.readFailed(key, error));
            }
        };
    }

    /** Of what is read from ClickHouse alone: a type of its own, since hosts may lack that module. */
    record OfHistory(List<HistoryListener> listeners) implements HistoryListener {

        @Override
        public void computed(Duration stateAge) {
            each(listeners, listener -> listener.computed(stateAge));
        }

        @Override
        public void refused(Refusal reason, UsageCalculationException error) {
            each(listeners, listener -> listener.refused(reason, error));
        }

        @Override
        public void readFailed(UsageCalculationException error) {
            each(listeners, listener -> listener.readFailed(error));
        }
    }
}
