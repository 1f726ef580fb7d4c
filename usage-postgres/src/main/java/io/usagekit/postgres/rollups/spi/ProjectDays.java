package io.usagekit.postgres.rollups.spi;

import java.time.LocalDate;
import java.util.Objects;

/**
 * Whole UTC days of a project.
 *
 * @param projectId the project's id, as text
 * @param from the first day
 * @param to the day after the last one; after {@code from}
 * @since 0.1
 */
public record ProjectDays(String projectId, LocalDate from, LocalDate to) {

    /**
     * Checks the days.
     *
     * @throws IllegalArgumentException if {@code to} isn't after {@code from}
     */
    public ProjectDays {
        Objects.requireNonNull(projectId, "projectId");
        if (!to.isAfter(from)) {
            throw new IllegalArgumentException("to must be after from, but was " + to + ", and from was " + from);
        }
    }
}
