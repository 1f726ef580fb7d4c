package io.usagekit.postgres.rollups.internal;

import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import java.sql.SQLException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collection;
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

    /** Reads the columns of {@code shipped-columns-of-project}; empty if nothing may be left to the store. */
    public static Optional<ShippedDays> ofProject(SqlRow row, String projectId) throws SQLException {
        if (row.optionalText("published").isEmpty()) {
            return Optional.empty();
        }
        if (row.optionalText("shipped_versions").isEmpty()) {
            return Optional.of(new ShippedDays(row.number("published"), List.of(), Map.of()));
        }
        List<String> from = row.texts("shipped_from");
        List<String> to = row.texts("shipped_to");
        List<ProjectDays> days = new ArrayList<>();
        for (int i = 0; i < from.size(); i++) {
            days.add(new ProjectDays(projectId, LocalDate.parse(from.get(i)), LocalDate.parse(to.get(i))));
        }
        return Optional.of(
                new ShippedDays(row.number("published"), days, Map.of(projectId, row.number("shipped_versions"))));
    }

    /** Returns all of these days, which are of the same version and of different projects. */
    public static ShippedDays all(Collection<ShippedDays> projects) {
        List<ProjectDays> days = new ArrayList<>();
        Map<String, Long> versions = new HashMap<>();
        long published = 0;
        for (ShippedDays of : projects) {
            published = of.published();
            days.addAll(of.days());
            versions.putAll(of.versions());
        }
        return new ShippedDays(published, days, versions);
    }

    /** Returns the days of the projects of which the store has others than it is to have. */
    public List<ProjectDays> differing(Map<String, List<ShippedUsage>> found) {
        return days.stream()
                .filter(of -> Objects.requireNonNull(versions.get(of.projectId()))
                        != found.getOrDefault(of.projectId(), List.of()).stream()
                                .mapToLong(ShippedUsage::versions)
                                .reduce(0, Math::addExact))
                .toList();
    }

    /** Returns how many days of projects these are. */
    public long count() {
        return days.stream()
                .mapToLong(of -> of.to().toEpochDay() - of.from().toEpochDay())
                .sum();
    }
}
