package io.usagekit.postgres.rollups;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * How far roll-ups are, in one snapshot of the database.
 *
 * @param coveredBefore hours before this instant are rolled, of each project back to where it is back-filled; empty before the
 *     worker's first run, and after a table was truncated until its next
 * @param lag from {@code coveredBefore} to the time of asking; empty where that is. An hour and a bit is as good as it gets,
 *     since hours are rolled when they are over
 * @param steps how many steps the worker has taken since installation; grows while it is at work
 * @param markedHours hours of projects that changed after they were rolled and are read live until they are rolled anew; counted
 *     up to 100,000
 * @param changedEvents events that changed or went, and whose deliveries haven't been looked up yet; counted up to 100,000
 * @param projects how many projects are rolled
 * @param projectsToBackfill how many of them have a history that isn't rolled yet
 * @param backfilledTo how far back the next of those is rolled; empty if there are none
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
        Optional<Instant> backfilledTo) {}
