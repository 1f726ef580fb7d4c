package io.usagekit.postgres.rollups.internal;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.rollups.spi.CellProject;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.FeedCycle;
import io.usagekit.postgres.rollups.spi.ShippedDay;
import io.usagekit.postgres.rollups.spi.UsageCell;
import io.usagekit.postgres.rollups.spi.Watermark;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Ships hours to a store, in cycles. Why equal sums of versions prove that the store has every hour in its right version:
 *
 * <ol>
 *   <li>A change of an hour's sums puts the hour into the ship list in the same transaction. A cycle reads and deletes rows of the list, and reads
 *       sums, in one snapshot: a change that it doesn't see has a row that it doesn't see either.
 *   <li>Each attempt has a version of its own, on disk before anything is sent in it. Cycles choose versions in the order of their snapshots.
 *   <li>What a failed attempt may have sent are hours of the list, which stay in it. They are read from PostgreSQL until a later cycle has sent
 *       each of them in a higher version, zeros included.
 *   <li>So no cell of an hour that isn't in the list has a version above the manifest's, and the sum over hours is lower than the manifest's as
 *       soon as one is missing.
 * </ol>
 */
final class FeedShipper {

    /**
     * An attempt that has a version.
     *
     * @param projectsInDoubt whether the store may have projects of an attempt that failed: all projects in this version supersede them
     */
    private record Attempt(long version, boolean projectsInDoubt) {}

    /** An hour of the list. */
    private record Hour(UsageCell cell, boolean fits) {}

    /** That everything has been shipped, and of which hours. */
    private record Settled(Instant coveredFrom, Instant coveredBefore, long cellsFrom, long projectsFrom) {

        static Optional<Settled> read(SqlRow row) throws SQLException {
            return row.flag("settled")
                    ? Optional.of(new Settled(
                            row.optionalInstant("covered_from").orElse(Instant.MIN),
                            row.instant("covered_before"),
                            row.number("cells_from"),
                            row.number("projects_from")))
                    : Optional.empty();
        }

        Watermark watermark(long version, Instant asOf, Watermark.Projects projects) {
            return new Watermark(version, asOf, coveredFrom, coveredBefore, cellsFrom, projects);
        }
    }

    private final FeedSource source;
    private final SqlStatements sql;
    private final CellStore store;

    FeedShipper(FeedSource source, SqlStatements sql, CellStore store) {
        this.source = source;
        this.sql = sql;
        this.store = store;
    }

    /** Runs a cycle, as {@link io.usagekit.postgres.rollups.spi.RollupFeed#ship} says. */
    Optional<FeedCycle> ship(int maxHours, Duration timeout) throws SQLException {
        return source.jdbc().stepSession(timeout, connection -> {
            long highest = store.highestVersion();
            Optional<Attempt> attempt =
                    Jdbc.step(connection, Jdbc.Mode.WRITE, timeout, transaction -> begin(transaction, highest));
            return attempt.isEmpty()
                    ? Optional.empty()
                    : Jdbc.step(
                            connection,
                            Jdbc.Mode.WRITE_SNAPSHOT,
                            timeout,
                            transaction -> cycle(transaction, attempt.get(), maxHours));
        });
    }

    private Optional<Attempt> begin(Connection connection, long highest) throws SQLException {
        if (!lockCycle(connection)) {
            return Optional.empty();
        }
        Jdbc.execute(connection, "set local synchronous_commit = on");
        boolean isStoreAhead =
                call(connection, "is-ahead").number("highest", highest).answer();
        long version =
                call(connection, "next-version").number("highest", highest).one(row -> row.number("version"));
        if (isStoreAhead) {
            call(connection, "start-again").number("version", version).execute();
        }
        return Optional.of(new Attempt(
                version,
                call(connection, "doubt-projects").number("highest", highest).one(row -> row.flag("in_doubt"))));
    }

    private Optional<FeedCycle> cycle(Connection connection, Attempt attempt, int maxHours) throws SQLException {
        if (!lockCycle(connection)) {
            return Optional.empty();
        }
        call(connection, "lock-sums").execute();
        long version = attempt.version();
        Instant asOf = source.clock().instant();
        boolean isNewest = call(connection, "cycle-state")
                .number("version", version)
                .one(row -> {
                    if (!row.flag("intact")) {
                        throw source.notInstalled();
                    }
                    return row.flag("newest");
                });
        if (!isNewest) {
            return Optional.empty();
        }
        List<Hour> hours =
                call(connection, "choose-hours").number("hours", maxHours).list(FeedShipper::hour);
        List<UsageCell> cells =
                hours.stream().filter(Hour::fits).map(Hour::cell).toList();
        if (!cells.isEmpty()) {
            store.insertCells(version, cells);
        }
        List<ShippedDay> days = recordShipped(connection, version, hours);
        if (!cells.isEmpty()) {
            store.insertDays(version, days);
        }
        boolean isLeft = hours.size() >= maxHours;
        Optional<Settled> settled = isLeft || !source.isEveryChangeTracked().run(connection)
                ? Optional.empty()
                : call(connection, "settled").one(Settled::read);
        long projects = 0;
        long projectsFrom = 0;
        if (settled.isPresent()) {
            projects = shipProjects(connection, attempt);
            projectsFrom = attempt.projectsInDoubt() ? version : settled.get().projectsFrom();
            long versions = call(connection, "projects-shipped")
                    .number("from", projectsFrom)
                    .one(row -> row.number("versions"));
            store.publish(settled.get().watermark(version, asOf, new Watermark.Projects(projectsFrom, versions)));
        }
        recordPublished(connection, version, attempt.projectsInDoubt() && settled.isEmpty(), projectsFrom);
        return Optional.of(new FeedCycle(version, cells.size(), projects, settled.isPresent(), isLeft));
    }

    private void recordPublished(Connection connection, long version, boolean inDoubt, long projectsFrom)
            throws SQLException {
        long updated = call(connection, "record-published")
                .number("version", version)
                .flag("in_doubt", inDoubt)
                .number("projects_from", projectsFrom)
                .update();
        if (updated != 1) {
            throw new IllegalStateException("the feed in the schema " + Identifiers.quote(source.schema())
                    + " has published a version that isn't below " + version + ", which this cycle has shipped");
        }
    }

    private boolean lockCycle(Connection connection) throws SQLException {
        try {
            call(connection, "lock-cycle").execute();
        } catch (SQLException e) {
            if (SqlErrors.isLockConflict(e)) {
                return false;
            }
            throw e;
        }
        return true;
    }

    private static Hour hour(SqlRow row) throws SQLException {
        CellSums sums = sums(row);
        return new Hour(new UsageCell(row.text("project_id"), row.instant("bucket"), sums), row.flag("fits"));
    }

    /** Reads the sums in a row. */
    static CellSums sums(SqlRow row) throws SQLException {
        return new CellSums(
                row.number("received_volume"),
                row.number("received_bytes"),
                row.number("sent_volume"),
                row.number("sent_bytes"),
                row.number("unmeasured"),
                row.number("lost_sizes"));
    }

    /** Takes the hours out of the list. Those whose sums don't fit were not sent, and stay in it. Returns the days of the hours. */
    private List<ShippedDay> recordShipped(Connection connection, long version, List<Hour> hours) throws SQLException {
        if (hours.isEmpty()) {
            return List.of();
        }
        UsageCell last = hours.get(hours.size() - 1).cell();
        List<ShippedDay> days = of(last, call(connection, "record-shipped").number("version", version))
                .list(row -> new ShippedDay(
                        row.text("project_id"), LocalDate.parse(row.text("day")), row.number("version_sum")));
        of(last, call(connection, "record-months")).update();
        of(last, call(connection, "delete-listed")).update();
        for (Hour hour : hours) {
            if (!hour.fits()) {
                of(hour.cell(), call(connection, "list-unfit")).update();
            }
        }
        return days;
    }

    private static SqlCall of(UsageCell cell, SqlCall call) {
        return call.text("project_id", cell.projectId()).instant("bucket", cell.hour());
    }

    private long shipProjects(Connection connection, Attempt attempt) throws SQLException {
        List<CellProject> projects = new ArrayList<>();
        call(connection, "changed-projects")
                .flag("all", attempt.projectsInDoubt())
                .forEach(row -> projects.add(new CellProject(
                        row.text("project_id"),
                        row.optionalText("organisation_id"),
                        row.flag("counts"),
                        row.flag("is_missing"))));
        if (!projects.isEmpty()) {
            store.insertProjects(attempt.version(), projects);
            call(connection, "record-projects")
                    .number("version", attempt.version())
                    .flag("all", attempt.projectsInDoubt())
                    .update();
        }
        return projects.size();
    }

    private SqlCall call(Connection connection, String statement) {
        return SqlCall.of(connection, sql.template(statement));
    }
}
