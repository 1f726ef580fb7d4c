package io.usagekit.postgres.rollups.spi;

import java.time.Instant;
import java.util.Objects;

/**
 * What a project used in one UTC hour: the rolled sums, and with them those that retention has kept of deleted rows. Of the cells that a
 * store has of a project's hour, the one with the highest version counts; an hour without a cell has no usage.
 *
 * @param projectId the project's id, as text
 * @param hour the hour's start, a whole UTC hour
 * @param sums all zeros for an hour that has no usage any more
 * @since 0.1
 */
public record UsageCell(String projectId, Instant hour, CellSums sums) {

    /** Checks for null. */
    public UsageCell {
        Objects.requireNonNull(projectId, "projectId");
        Objects.requireNonNull(hour, "hour");
        Objects.requireNonNull(sums, "sums");
    }
}
