package io.usagekit.postgres.rollups.spi;

import java.time.LocalDate;
import java.util.Objects;

/**
 * What the cells of a project's UTC day are proved by. Of the rows that a store has of a day, the one with the highest version counts; a day
 * without a row has no cells.
 *
 * @param projectId the project's id, as text
 * @param day the day
 * @param versions the sum of the versions of the day's cells
 * @since 0.1
 */
public record ShippedDay(String projectId, LocalDate day, long versions) {

    /** Checks for null. */
    public ShippedDay {
        Objects.requireNonNull(projectId, "projectId");
        Objects.requireNonNull(day, "day");
    }
}
