package io.usagekit.postgres.rollups;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What one run of a {@link RollupWorker} did.
 *
 * @param leader whether this worker was the one to work; if not, another was at it, and all else is empty or 0
 * @param coveredBefore hours before this instant are rolled now; empty if none are
 * @param waitedFor what kept the run from rolling newer hours, if something did: transactions that write to the tables and
 *     outlast {@link RollupWorker.Builder#waitForWriters}, by process or prepared transaction
 * @param changedEvents changed events whose deliveries' hours were marked
 * @param rerolledHours marked hours that were dealt with
 * @param backfillSteps pieces of history that were rolled
 * @param finished whether there is nothing left to do until something changes or another hour is over
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
