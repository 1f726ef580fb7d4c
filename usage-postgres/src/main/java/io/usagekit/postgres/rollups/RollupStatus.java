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
 * @param missingProjects the projects of which retention has kept sums, and which the projects don't have any more, 100 at most; none where
 *     {@link PostgresRollups.Builder#omitMissingProjects} leaves them out
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
        List<IndexStatus> missingIndexes,
        List<MissingProject> missingProjects) {

    /**
     * A project that was renamed, merged with another one, or deleted after retention had kept sums of it: {@link PostgresRollups#moveRetained} or
     * {@link PostgresRollups#omitRetained} says which.
     *
     * @param projectId its id
     * @param organisationId whose it was last: that organisation has no figure of a window with such sums. Empty if the project was missing
     *     before that was recorded: figures lack its sums, without an error
     * @since 0.1
     */
    public record MissingProject(String projectId, Optional<String> organisationId) {

        /** Returns it in words. */
        @Override
        public String toString() {
            return projectId
                    + organisationId
                            .map(id -> " of the organisation " + id
                                    + ", whose figures are refused in windows with its retained sums")
                            .orElse(", of an unknown organisation, whose figures lack its retained sums");
        }
    }

    /** Copies the lists. */
    public RollupStatus {
        alterations = List.copyOf(alterations);
        missingIndexes = List.copyOf(missingIndexes);
        missingProjects = List.copyOf(missingProjects);
    }
}
