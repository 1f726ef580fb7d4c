package io.usagekit.postgres.rollups;

import io.usagekit.UsageMetrics;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.internal.times.FilledTime;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import javax.sql.DataSource;

/** Sums up the raw rows again and compares them with the roll-ups. */
final class RollupVerifier {

    /** Fragments of the statement that finds the next rolled sum. */
    static final Map<String, String> ROLLED = Map.of("first-row", "");

    /** The fragments of a comparison that looks events up in all partitions. */
    static final Map<String, String> EVERYWHERE = Map.of(
            "events-near", "",
            "event-is-missing", "false",
            "late-hours", "{hours-of-late-events-of-orphans}");

    private static final Duration TIMEOUT = Duration.ofHours(1);

    /** How many projects are verified together at most. */
    private static final long PROJECTS = 100;

    /** About how many rows those have together at most, unless a single one has more. */
    private static final long ROWS = 100_000;

    private final Jdbc jdbc;
    private final RollupSql sql;

    RollupVerifier(DataSource dataSource, RollupSql sql) {
        this.jdbc = new Jdbc(dataSource);
        this.sql = sql;
    }

    /** What is done with an hour that differs. */
    enum Remedy {
        NONE,
        /** The hour is marked dirty. */
        MARK
    }

    /**
     * Verifies all projects and returns the number of hours that differ.
     *
     * @param current reads what is installed
     * @throws UsageStorageException as {@link PostgresRollups#verify}
     */
    static long verify(
            PostgresRollups.Settings settings,
            Jdbc.Attempt<RollupSql> current,
            VerificationProgress progress,
            Remedy remedy) {
        Objects.requireNonNull(progress, "progress");
        RollupSql sql;
        try {
            sql = current.run();
        } catch (SQLException e) {
            throw failed(settings.schema(), e);
        }
        return new RollupVerifier(settings.dataSource(), sql).verify(progress, remedy);
    }

    /**
     * Projects that are verified together, since planning a statement over partitions takes as long as reading some hundred rows of each.
     *
     * @param ids an array as text, in the notation of their column's type
     * @param names the same ids as text
     */
    private record Projects(String ids, List<String> names) {

        /** Returns the only one; empty if there are several. */
        Optional<String> only() {
            return names.size() == 1 ? Optional.of(names.get(0)) : Optional.empty();
        }
    }

    /**
     * Verifies all projects and returns the number of hours that differ.
     *
     * @throws UsageStorageException as {@link PostgresRollups#verify}
     */
    long verify(VerificationProgress progress, Remedy remedy) {
        try {
            List<Projects> groups = read(connection -> sql.call(connection, "rolled-projects")
                    .number("projects", areGrouped() ? PROJECTS : 1)
                    .number("rows", ROWS)
                    .list(row -> new Projects(row.text("project_ids"), row.texts("names"))));
            progress.started(
                    groups.stream().mapToLong(group -> group.names().size()).sum());
            Optional<String> end = read(connection ->
                    sql.call(connection, "covered-before").one(row -> row.optionalText("covered_before")));
            List<FilledTime> filled = end.isEmpty() ? List.of() : fromOldest(end.get());
            long drifts = 0;
            for (Projects group : groups) {
                drifts += end.isEmpty() ? 0 : verify(group, filled, end.get(), progress, remedy);
                group.names().forEach(progress::verified);
            }
            return drifts;
        } catch (SQLException e) {
            throw failed(sql.schema(), e);
        }
    }

    /** Whether a statement over several projects names as few partitions as one over a single project. */
    private boolean areGrouped() {
        return FilledTime.isByTime(sql.shape())
                && !sql.shape().partitionsEventsByProject()
                && !sql.shape().partitionsDeliveriesByProject();
    }

    private List<FilledTime> fromOldest(String end) throws SQLException {
        List<FilledTime> filled = new ArrayList<>(read(connection -> FilledTime.before(connection, sql.shape(), end)));
        Collections.reverse(filled);
        return filled;
    }

    /** Verifies the times in which there are rows, and between them rolled sums, whose rows are missing. */
    private long verify(
            Projects projects, List<FilledTime> filled, String end, VerificationProgress progress, Remedy remedy)
            throws SQLException {
        long drifts = 0;
        String verified = FilledTime.FIRST;
        for (FilledTime time : filled) {
            drifts += verify(new Slices(projects, ROLLED, verified, time.lower()), progress, remedy);
            drifts += verify(new Slices(projects, rolledOrRaw(projects), time.lower(), time.upper()), progress, remedy);
            verified = time.upper();
        }
        return drifts + verify(new Slices(projects, ROLLED, verified, end), progress, remedy);
    }

    private Map<String, String> rolledOrRaw(Projects projects) {
        boolean isOne = projects.only().isPresent();
        return rolledOrRaw(
                isOne && sql.shape().partitionsEventsByProject(),
                isOne && sql.shape().partitionsDeliveriesByProject());
    }

    /** The fragments of the statement that finds the next rolled sum or row, of a project where a table is partitioned by it. */
    static Map<String, String> rolledOrRaw(boolean ofProjectsEvents, boolean ofProjectsDeliveries) {
        return Map.of(
                "first-row", "{first-row-of-project}",
                "events-of-project", ofProjectsEvents ? "{event-of-project}" : "",
                "deliveries-of-project", ofProjectsDeliveries ? "{delivery-of-project}" : "");
    }

    /**
     * A time of projects.
     *
     * @param found fragments of what there is to be compared
     */
    private record Slices(Projects projects, Map<String, String> found, String lower, String upper) {

        /** Returns the first 31 days with something to compare: a single old row doesn't make every month since then be read. */
        Optional<RollupChunk> next(Connection connection, RollupSql sql) throws SQLException {
            if (lower.equals(upper)) {
                return Optional.empty();
            }
            SqlCall call = sql.call(connection, "next-slice", found)
                    .texts(Map.of("project_ids", projects.ids(), "rows_lower", lower, "rows_upper", upper));
            if (found.containsValue("{event-of-project}") || found.containsValue("{delivery-of-project}")) {
                call.text("project_id", projects.only().orElseThrow());
            }
            return call.first(row -> RollupChunk.of(projects.only(), projects.ids(), row));
        }

        Slices after(RollupChunk slice) {
            return new Slices(projects, found, slice.rowsUpper(), upper);
        }
    }

    private long verify(Slices all, VerificationProgress progress, Remedy remedy) throws SQLException {
        long drifts = 0;
        Slices slices = all;
        Optional<RollupChunk> next = next(slices);
        while (next.isPresent()) {
            Jdbc.checkInterrupt(
                    "verifying hours of the projects " + all.projects().ids());
            RollupChunk slice = next.get();
            for (RollupDrift drift : read(connection -> drifts(connection, slice))) {
                if (remedy == Remedy.MARK) {
                    mark(drift);
                }
                progress.drifted(drift);
                drifts++;
            }
            slices = slices.after(slice);
            next = next(slices);
        }
        return drifts;
    }

    private Optional<RollupChunk> next(Slices slices) throws SQLException {
        return read(connection -> slices.next(connection, sql));
    }

    private void mark(RollupDrift drift) throws SQLException {
        jdbc.transaction(
                Jdbc.Mode.WRITE,
                TIMEOUT,
                connection -> sql.call(connection, "mark-hour")
                        .text("project_id", drift.projectId())
                        .instant("bucket", drift.hour())
                        .update());
    }

    private <T> T read(Jdbc.Work<T> work) throws SQLException {
        return jdbc.transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, work);
    }

    /**
     * Compares the hours of a slice. In partitioned tables the events of deliveries are looked up near these first: if no hour seems to differ,
     * none does.
     */
    private List<RollupDrift> drifts(Connection connection, RollupChunk slice) throws SQLException {
        if (RollupChunk.leavesEventsOut(sql.shape())
                && drifts(connection, slice, near(slice, sql.shape())).isEmpty()) {
            return List.of();
        }
        return drifts(connection, slice, EVERYWHERE);
    }

    /** The fragments of a comparison that looks events up near their deliveries. */
    static Map<String, String> near(RollupChunk slice, TableShape shape) {
        return Map.of(
                "events-near", slice.eventsNear(shape),
                "event-is-missing", "{event-of-delivery-is-missing}",
                "late-hours", "");
    }

    private List<RollupDrift> drifts(Connection connection, RollupChunk slice, Map<String, String> events)
            throws SQLException {
        return slice.call(connection, sql, "drifts", events)
                .list(row -> new RollupDrift(
                        row.text("project_id"),
                        row.instant("bucket"),
                        metrics(row, "rolled_received"),
                        metrics(row, "rolled_sent"),
                        metrics(row, "raw_received"),
                        metrics(row, "raw_sent")));
    }

    private static UsageMetrics metrics(SqlRow row, String prefix) throws SQLException {
        return new UsageMetrics(row.number(prefix + "_volume"), row.number(prefix + "_bytes"));
    }

    static UsageStorageException failed(String schema, SQLException e) {
        return SqlErrors.storageFailure(
                "verifying the roll-ups in the schema " + Identifiers.quote(schema) + " failed", e);
    }
}
