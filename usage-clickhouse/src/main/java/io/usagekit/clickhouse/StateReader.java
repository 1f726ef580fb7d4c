package io.usagekit.clickhouse;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.Watermark;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Reads one state of ClickHouse, that of a watermark, and proves that what it has read is all of it. Versions of rows that count only rise, so that
 * the sum of the newest ones is lower than the expected one as soon as one row is missing: that of the cells of a day stands in another table, on
 * another shard, and that of the projects in the watermark.
 */
final class StateReader {

    /** A project of an organisation. */
    record Project(String organisationId, String id, boolean isMissing) {}

    /** What has been read isn't all of a state. */
    static final class IncompleteException extends Exception {
        private static final long serialVersionUID = 1L;

        private IncompleteException(String message) {
            super(message);
        }
    }

    private final ClickHouseJdbc jdbc;
    private final SqlFile statements;
    private final Duration timeout;
    private final HistoryNotifier notifier;
    private final long began = System.nanoTime();

    /** The projects of which a sum exceeds 64 bits. */
    private final Set<String> tooLarge = new HashSet<>();

    /**
     * For one read.
     *
     * @param timeout of all statements together
     */
    StateReader(ClickHouseJdbc jdbc, SqlFile statements, Duration timeout, HistoryNotifier notifier) {
        this.jdbc = jdbc;
        this.statements = statements;
        this.timeout = timeout;
        this.notifier = notifier;
    }

    /** Returns whether a sum of a project that was read exceeds 64 bits; its other sums are no use then. */
    boolean isTooLarge(Project project) {
        return tooLarge.contains(project.id());
    }

    /** Returns the newest state that all shards have. */
    Optional<Watermark> newest() {
        return query("the newest state", "newest-state", Map.of(), Map.of(), StateReader::watermark).stream()
                .findFirst();
    }

    private static Watermark watermark(ResultSet row) throws SQLException {
        return new Watermark(
                row.getLong("version"),
                Instant.EPOCH.plus(row.getLong("as_of"), ChronoUnit.MICROS),
                Instant.ofEpochSecond(row.getLong("covered_from")),
                Instant.ofEpochSecond(row.getLong("covered_before")),
                row.getLong("cells_from"),
                new Watermark.Projects(row.getLong("projects_from"), row.getLong("projects")));
    }

    /** Returns the projects of one organisation, or of all, that count; by organisation and project, by code points. */
    List<Project> projects(Watermark state, Optional<String> organisationId) throws IncompleteException {
        Map<String, Object> values = new HashMap<>();
        values.put("version", state.version());
        values.put("projects_from", state.projects().from());
        organisationId.ifPresent(id -> values.put("organisation", id));
        List<Project> projects = new ArrayList<>();
        String organisations = organisationId.isPresent() ? "{of-one-organisation}" : "{of-any-organisation}";
        List<Long> versions =
                query("the projects", "projects-of-state", Map.of("of-organisation", organisations), values, row -> {
                    if (row.getLong("projects") > 0) {
                        projects.add(new Project(
                                row.getString("organisation"), row.getString("project"), row.getBoolean("is_missing")));
                    }
                    return ClickHouseCellReader.exact(row, "versions");
                });
        long found = versions.get(0);
        if (found != state.projects().versions()) {
            throw new IncompleteException("the versions of projects add up to " + found + " and not to "
                    + state.projects().versions());
        }
        return projects;
    }

    /**
     * Returns the sums of slices by project; a project without cells may be left out.
     *
     * @param projectIds of which projects; empty: of all
     */
    Map<String, CellSums[]> sums(Watermark state, Slices slices, Optional<Collection<String>> projectIds)
            throws IncompleteException {
        Map<String, CellSums[]> sums = new HashMap<>();
        if (projectIds.isEmpty()) {
            read(state, slices, Map.of("of-projects", "{of-any-project}"), Map.of(), sums);
            return sums;
        }
        for (List<String> part : StatementParts.of(projectIds.get(), StatementParts::octets)) {
            Map<String, Object> ids = Map.of("projects", part.toArray(String[]::new));
            read(state, slices, Map.of("of-projects", "{of-these-projects}"), ids, sums);
        }
        return sums;
    }

    private void read(
            Watermark state,
            Slices slices,
            Map<String, String> fragments,
            Map<String, Object> ids,
            Map<String, CellSums[]> sums)
            throws IncompleteException {
        Map<String, Object> values = new HashMap<>(ids);
        values.put("version", state.version());
        values.put("cells_from", state.cellsFrom());
        values.put("first", slices.first().getEpochSecond());
        values.put("last", slices.last().getEpochSecond());
        values.put("slices", slices.numbers());
        Map<String, Long> found = new HashMap<>();
        query("the cells", "sums-of-state", fragments, values, row -> {
            String project = row.getString("project");
            found.merge(project, ClickHouseCellReader.exact(row, "versions"), Math::addExact);
            int slice = row.getInt("slice");
            if (slice > 0) {
                CellSums[] of = sums.computeIfAbsent(project, id -> none(slices.count()));
                try {
                    of[slice - 1] = ClickHouseCellReader.sums(row);
                } catch (ArithmeticException e) {
                    tooLarge.add(project);
                }
            }
            return project;
        });
        Map<String, Long> expected = new HashMap<>();
        query("the days", "versions-of-state", fragments, values, row -> {
            String project = row.getString("project");
            return expected.put(project, ClickHouseCellReader.exact(row, "versions"));
        });
        Set<String> all = new HashSet<>(found.keySet());
        all.addAll(expected.keySet());
        for (String project : all) {
            if (!found.getOrDefault(project, 0L).equals(expected.getOrDefault(project, 0L))) {
                throw new IncompleteException("the versions of the cells of the project " + project + " add up to "
                        + found.getOrDefault(project, 0L) + " and not to " + expected.getOrDefault(project, 0L));
            }
        }
    }

    static CellSums[] none(int slices) {
        CellSums[] none = new CellSums[slices];
        Arrays.fill(none, CellSums.ZERO);
        return none;
    }

    private <T> List<T> query(
            String what,
            String statement,
            Map<String, String> fragments,
            Map<String, ?> values,
            ClickHouseJdbc.RowReader<T> reader) {
        try {
            Duration left = timeout.minusNanos(System.nanoTime() - began);
            return jdbc.query(statements.statement(statement, fragments), values, left, reader);
        } catch (SQLException e) {
            throw notifier.readFailed(ClickHouseErrors.calculationFailure(what + " can't be read from ClickHouse", e));
        } catch (ArithmeticException e) {
            throw notifier.readFailed(
                    new UsageCalculationException(what + " can't be read from ClickHouse: a sum exceeds 64 bits", e));
        }
    }
}
