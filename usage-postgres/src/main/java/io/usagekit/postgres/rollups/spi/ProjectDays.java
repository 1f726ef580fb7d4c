package io.usagekit.postgres.rollups.spi;

import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Objects;

/**
 * Whole UTC days of a project.
 *
 * @param projectId the project's id, as text
 * @param from the first day, in the years 1 to 9999
 * @param to the day after the last one; after {@code from}, 10000-01-01 at the latest
 * @since 0.1
 */
public record ProjectDays(String projectId, LocalDate from, LocalDate to) {

    private static final LocalDate EARLIEST = LocalDate.of(1, 1, 1);
    private static final LocalDate LATEST = LocalDate.of(10_000, 1, 1);

    /** The begin of the first day that there is. */
    static final Instant START = EARLIEST.atStartOfDay(ZoneOffset.UTC).toInstant();

    /** The end of the last one. */
    static final Instant END = LATEST.atStartOfDay(ZoneOffset.UTC).toInstant();

    /**
     * Checks the days.
     *
     * @throws IllegalArgumentException if {@code to} isn't after {@code from}, or one of them is out of bounds
     */
    public ProjectDays {
        Objects.requireNonNull(projectId, "projectId");
        if (!to.isAfter(from)) {
            throw new IllegalArgumentException("to must be after from, but was " + to + ", and from was " + from);
        }
        if (from.isBefore(EARLIEST) || to.isAfter(LATEST)) {
            throw new IllegalArgumentException(
                    "from and to must be between " + EARLIEST + " and " + LATEST + ", but were " + from + " and " + to);
        }
    }
}
