package io.usagekit.postgres.rollups;

import io.usagekit.postgres.IndexStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * State of roll-ups in one snapshot of the database.
 *
 * @param coveredBefore hours before this instant are rolled, of each project back to where it is back-filled; empty before the
 *     worker's first run, and from a {@code TRUNCATE} of the tables until the worker's next run
 * @param lag from {@code coveredBefore} to the time of the call; empty if that is. It is between {@code settle} and {@code settle}
 *     plus an hour at best, since hours are rolled when they are over
 * @param steps number of steps that workers have taken since installation
 * @param markedHours hours of projects that changed after they were rolled, and are read live until they are re-rolled; counted
 *     up to 100,000
 * @param changedEvents rows of the change log: events that changed or were deleted, and whose deliveries haven't been looked up
 *     yet; counted up to 100,000
 * @param projects number of projects that are rolled
 * @param projectsToBackfill number of projects whose history isn't rolled completely
 * @param backfilledTo how far back the project that is back-filled next is rolled; empty if there are none
 * @param alterations what differs from the tables and triggers as they were recorded, in words. Until the worker has reset all rolled
 *     hours or {@link PostgresRollups#install} has replaced the roll-ups, figures are computed from raw rows; empty if nothing differs
 * @param missingIndexes those that {@link PostgresRollups#install} would build; figures are the same without them, and read more blocks
 * @since 0.1
 */
public record RollupStatus(
        Optional<Instant> coveredBefore,
        Optional<Duration> lag,
        long steps,
        long markedHours,
        long changedEvents,
        long projects,
        long projectsToBackfill,
        Optional<Instant> backfilledTo,
        List<String> alterations,
        List<IndexStatus> missingIndexes) {

    /** Copies the lists. */
    public RollupStatus {
        alterations = List.copyOf(alterations);
        missingIndexes = List.copyOf(missingIndexes);
    }
}
