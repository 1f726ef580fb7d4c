package io.usagekit.postgres.rollups;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Result of one run of a {@link RollupWorker}.
 *
 * @param leader whether this worker worked; if not, another one was working, and everything else is empty, 0 or false
 * @param coveredBefore hours before this instant are rolled now; empty if none are
 * @param waitedFor the transactions that kept the run from rolling newer hours: they write to the tables and didn't end within
 *     {@link RollupWorker.Builder#waitForWriters}; process ids or prepared transactions
 * @param changedEvents number of rows of the change log whose deliveries' hours were marked
 * @param rerolledHours number of marked hours that were re-rolled
 * @param backfillSteps number of steps that rolled history
 * @param finished whether there is no more work until rows change or another hour is over
 * @since 0.1
 */
public record RollupRunResult(
        boolean leader,
        Optional<Instant> coveredBefore,
        List<String> waitedFor,
        long changedEvents,
        long rerolledHours,
        long backfillSteps,
        boolean finished) {

    /** Copies the list. */
    public RollupRunResult {
        waitedFor = List.copyOf(waitedFor);
    }
}
