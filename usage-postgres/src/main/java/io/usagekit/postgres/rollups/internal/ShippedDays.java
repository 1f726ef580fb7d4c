package io.usagekit.postgres.rollups.internal;

import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import java.sql.SQLException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The days of a window that a figure leaves to the store.
 *
 * @param published the version of the last cycle that has committed
 * @param versions the sum of the versions that the store is to have, by project
 */
public record ShippedDays(long published, List<ProjectDays> days, Map<String, Long> versions) {

    /** Copies the collections. */
    public ShippedDays {
        days = List.copyOf(days);
        versions = Map.copyOf(versions);
    }

    /** Reads the columns of {@code shipped-columns-of-window}; empty if nothing may be left to the store. */
    public static Optional<ShippedDays> read(SqlRow row) throws SQLException {
        if (row.optionalText("published").isEmpty()) {
            return Optional.empty();
        }
        List<String> projects = row.texts("shipped_projects");
        List<String> from = row.texts("shipped_from");
        List<String> to = row.texts("shipped_to");
        List<String> sums = row.texts("shipped_versions");
        List<ProjectDays> days = new ArrayList<>();
        Map<String, Long> versions = new HashMap<>();
        for (int i = 0; i < projects.size(); i++) {
            days.add(new ProjectDays(projects.get(i), LocalDate.parse(from.get(i)), LocalDate.parse(to.get(i))));
            versions.merge(projects.get(i), Long.parseLong(sums.get(i)), Math::addExact);
        }
        return Optional.of(new ShippedDays(row.number("published"), days, versions));
    }

    /** Returns the days of the projects of which the store has others than it is to have. */
    List<ProjectDays> differing(Map<String, ShippedUsage> found) {
        return days.stream()
                .filter(of -> Objects.requireNonNull(versions.get(of.projectId()))
                        != found.getOrDefault(of.projectId(), ShippedUsage.NONE).versions())
                .toList();
    }

    /** Returns how many days of projects these are. */
    long count() {
        return days.stream()
                .mapToLong(of -> of.to().toEpochDay() - of.from().toEpochDay())
                .sum();
    }
}
