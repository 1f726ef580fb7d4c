package io.usagekit.postgres.rollups;

import io.usagekit.UsageMetrics;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.SqlRow;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import javax.sql.DataSource;

/** Sums up the raw rows again and compares them with the roll-ups. */
final class RollupVerifier {

    /** How much of a project is compared in one snapshot. */
    private static final Duration SLICE = Duration.ofDays(31);

    private static final Duration TIMEOUT = Duration.ofHours(1);

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
     * Verifies all projects and returns the number of hours that differ.
     *
     * @throws UsageStorageException as {@link PostgresRollups#verify}
     */
    long verify(VerificationProgress progress, Remedy remedy) {
        try {
            List<String> projects =
                    read(connection -> sql.call(connection, "rolled-projects").list(row -> row.text("project_id")));
            progress.started(projects.size());
            long drifts = 0;
            for (String project : projects) {
                drifts += verify(project, progress, remedy);
                progress.verified(project);
            }
            return drifts;
        } catch (SQLException e) {
            throw failed(sql.schema(), e);
        }
    }

    private long verify(String project, VerificationProgress progress, Remedy remedy) throws SQLException {
        Optional<Extent> extent = read(connection -> extent(connection, project));
        if (extent.isEmpty()) {
            return 0;
        }
        long drifts = 0;
        Instant end = extent.get().upper();
        Optional<Instant> next = Optional.of(extent.get().lower()).filter(lower -> lower.isBefore(end));
        while (next.isPresent()) {
            Jdbc.checkInterrupt("verifying hours of the project " + project);
            Instant from = next.get();
            Instant upper = from.plus(SLICE).isAfter(end) ? end : from.plus(SLICE);
            for (RollupDrift drift : read(connection -> drifts(connection, project, from, upper))) {
                if (remedy == Remedy.MARK) {
                    mark(drift);
                }
                progress.drifted(drift);
                drifts++;
            }
            next = upper.isBefore(end)
                    ? read(connection -> nextHour(connection, project, upper, end))
                    : Optional.empty();
        }
        return drifts;
    }

    /** Returns the next hour in which there is something to compare: a single old row doesn't make every month since then be read. */
    private Optional<Instant> nextHour(Connection connection, String project, Instant after, Instant before)
            throws SQLException {
        return sql.call(connection, "next-hour")
                .text("project_id", project)
                .instant("after", after)
                .instant("before", before)
                .first(row -> row.optionalInstant("hour"))
                .flatMap(hour -> hour);
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

    private record Extent(Instant lower, Instant upper) {}

    private Optional<Extent> extent(Connection connection, String project) throws SQLException {
        return sql.call(connection, "extent")
                .text("project_id", project)
                .first(row -> {
                    Optional<Instant> lower = row.optionalInstant("lower");
                    Optional<Instant> upper = row.optionalInstant("upper");
                    return lower.flatMap(from -> upper.map(to -> new Extent(from, to)));
                })
                .flatMap(extent -> extent);
    }

    private List<RollupDrift> drifts(Connection connection, String project, Instant lower, Instant upper)
            throws SQLException {
        return sql.call(connection, "drifts")
                .text("project_id", project)
                .instant("lower", lower)
                .instant("upper", upper)
                .list(row -> new RollupDrift(
                        project,
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
