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
import io.usagekit.postgres.rollups.spi.UsageCell;
import io.usagekit.postgres.rollups.spi.Watermark;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
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
        long version =
                call(connection, "next-version").number("highest", highest).one(row -> row.number("version"));
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
        recordShipped(connection, version, hours);
        boolean isLeft = hours.size() >= maxHours;
        Optional<Watermark> watermark = isLeft
                        || cells.size() < hours.size()
                        || !source.isEveryChangeTracked().run(connection)
                ? Optional.empty()
                : call(connection, "settled").one(row -> watermark(row, version, asOf));
        long projects = watermark.isPresent() ? shipProjects(connection, attempt) : 0;
        watermark.ifPresent(store::publish);
        recordPublished(connection, version, attempt.projectsInDoubt() && watermark.isEmpty());
        return Optional.of(new FeedCycle(version, cells.size(), projects, watermark.isPresent(), isLeft));
    }

    private void recordPublished(Connection connection, long version, boolean inDoubt) throws SQLException {
        long updated = call(connection, "record-published")
                .number("version", version)
                .flag("in_doubt", inDoubt)
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

    /** Takes the hours out of the list. Those whose sums don't fit were not sent, and stay in it. */
    private void recordShipped(Connection connection, long version, List<Hour> hours) throws SQLException {
        if (hours.isEmpty()) {
            return;
        }
        UsageCell last = hours.get(hours.size() - 1).cell();
        of(last, call(connection, "record-shipped").number("version", version)).update();
        of(last, call(connection, "delete-listed")).update();
        for (Hour hour : hours) {
            if (!hour.fits()) {
                of(hour.cell(), call(connection, "list-hour")).update();
            }
        }
    }

    private static SqlCall of(UsageCell cell, SqlCall call) {
        return call.text("project_id", cell.projectId()).instant("bucket", cell.hour());
    }

    private static Optional<Watermark> watermark(SqlRow row, long version, Instant asOf) throws SQLException {
        return row.flag("settled")
                ? Optional.of(new Watermark(
                        version,
                        asOf,
                        row.optionalInstant("covered_from").orElse(Instant.MIN),
                        row.instant("covered_before")))
                : Optional.empty();
    }

    private long shipProjects(Connection connection, Attempt attempt) throws SQLException {
        List<CellProject> projects = new ArrayList<>();
        call(connection, "changed-projects")
                .flag("all", attempt.projectsInDoubt())
                .forEach(row -> projects.add(new CellProject(
                        row.text("project_id"), row.optionalText("organisation_id"), row.flag("counts"))));
        if (!projects.isEmpty()) {
            store.insertProjects(attempt.version(), projects);
            call(connection, "record-projects")
                    .flag("all", attempt.projectsInDoubt())
                    .update();
        }
        return projects.size();
    }

    private SqlCall call(Connection connection, String statement) {
        return SqlCall.of(connection, sql.template(statement));
    }
}
