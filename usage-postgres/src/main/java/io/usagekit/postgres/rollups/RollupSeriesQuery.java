package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageMetrics;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.SqlTemplate;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.rollups.internal.FeedNames;
import io.usagekit.postgres.rollups.internal.ShippedDays;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The statement that reads sums from roll-ups by project and by slices of a window. Where the events are partitioned by time, it looks for those
 * of live deliveries near the window first, and runs again if some aren't there. Immutable.
 */
final class RollupSeriesQuery {

    /**
     * Sums of a project in a slice.
     *
     * @param slice number of the slice, from 1; 0 if the project has no usage in any
     * @param unmeasured how many rows count without octets, which can't be known any more
     * @param shipped the days that the sums of the project lack, since they are left to another store; with the first sum of a project only
     */
    record Sum(
            String organisationId,
            String projectId,
            int slice,
            UsageMetrics received,
            UsageMetrics sent,
            long unmeasured,
            Optional<ShippedDays> shipped) {}

    /** Receives what is read. */
    interface Reader {
        /** Receives the sums of a project in a slice. */
        void sum(Sum sum);

        /** Receives why an organisation's sums can't be read; by default it ends the read. */
        default void failed(String organisationId, UsageCalculationException why) {
            throw why;
        }
    }

    private static final int ROWS_AT_A_TIME = 1_000;

    private final RollupSql sql;
    private final ProjectScope projects;
    private final String sizes;
    private final Optional<String> organisationId;
    private final boolean leavesShipped;

    private RollupSeriesQuery(
            RollupSql sql, ProjectScope projects, Optional<String> organisationId, boolean leavesShipped) {
        this.leavesShipped = leavesShipped;
        this.sql = sql;
        this.projects = projects;
        this.sizes = CombinedQuery.sizes(sql.mapping());
        this.organisationId = organisationId;
    }

    /** Returns the statement for one organisation, or for all. */
    static RollupSeriesQuery over(RollupSql sql, ProjectScope projects, Optional<String> organisationId) {
        return new RollupSeriesQuery(sql, projects, organisationId, false);
    }

    /** Returns the statement whose sums lack the days that are left to another store; none are where this role can't read the feed. */
    static RollupSeriesQuery leavingShipped(
            Connection connection, RollupSql sql, ProjectScope projects, Optional<String> organisationId)
            throws SQLException {
        boolean isReadable = sql.call(connection, "feed-is-readable").answer();
        return new RollupSeriesQuery(sql, projects, organisationId, isReadable);
    }

    /**
     * Reads the sums in a transaction, and passes them on one by one: by organisation, by project, by slice. Where a size is neither
     * stored nor measurable, an edge falls into a quarter of an hour of which retention has deleted rows, or a sum exceeds bigint, the
     * organisation has failed.
     *
     * @param edges of the slices, at least two
     * @throws UsageCalculationException if the roll-ups were installed for another mapping or by another version
     */
    void execute(Connection connection, List<Instant> edges, Reader reader) throws SQLException {
        if (!sql.shape().partitionsEventsByTime() || !read(connection, edges, true, reader)) {
            read(connection, edges, false, reader);
        }
    }

    /**
     * Reads the sums.
     *
     * @param isNear whether events are looked up in the partitions near the window only
     * @return whether they were there; if not, nothing was passed on
     */
    private boolean read(Connection connection, List<Instant> edges, boolean isNear, Reader reader)
            throws SQLException {
        AtomicBoolean any = new AtomicBoolean();
        AtomicBoolean complete = new AtomicBoolean(true);
        AtomicReference<Optional<String>> before = new AtomicReference<>(Optional.empty());
        call(connection, edges, isNear).forEach(ROWS_AT_A_TIME, row -> {
            any.set(true);
            if (isNear && row.number("missing") > 0) {
                complete.set(false); // the same in each row
                return;
            }
            Optional<String> projectId = row.optionalText("project_id");
            if (projectId.isPresent()) {
                boolean isFirst = !before.getAndSet(projectId).equals(projectId);
                read(row, projectId.get(), isFirst, reader);
            }
        });
        if (!any.get()) {
            throw UsageCalculationException.permanent(
                    "the roll-ups were installed for another mapping or by another version of the library;"
                            + " call install() again",
                    null);
        }
        return complete.get();
    }

    private SqlCall call(Connection connection, List<Instant> edges, boolean isNear) {
        Instant start = edges.get(0);
        Instant end = edges.get(edges.size() - 1);
        List<Instant> lowers = edges.subList(0, edges.size() - 1);
        List<Instant> uppers = edges.subList(1, edges.size());
        SqlTemplate statement = sql.series(
                projects,
                organisationId.isPresent() ? RollupSql.OF_ONE : RollupSql.OF_ALL,
                isNear,
                leavesShipped ? FeedNames.LEAVING_SHIPPED_OF_SLICES : Map.of());
        SqlCall call = SqlCall.of(connection, statement)
                .instant("start", start)
                .instant("end", end)
                .instants("lowers", lowers)
                .instants("uppers", uppers)
                .instants(
                        "first_hours", lowers.stream().map(RollupSql::nextHour).toList())
                .instants(
                        "end_hours",
                        uppers.stream()
                                .map(upper -> upper.truncatedTo(ChronoUnit.HOURS))
                                .toList());
        organisationId.ifPresent(id -> call.text("organisation_id", id));
        return isNear ? CombinedQuery.bindNear(call, start, end) : call;
    }

    private void read(SqlRow row, String projectId, boolean isFirst, Reader reader) throws SQLException {
        Sum sum;
        try {
            sum = sum(row, projectId, isFirst);
        } catch (UsageCalculationException e) {
            reader.failed(row.text("organisation_id"), e);
            return;
        }
        reader.sum(sum);
    }

    private Sum sum(SqlRow row, String projectId, boolean isFirst) throws SQLException {
        String owner = "the project " + projectId;
        CombinedQuery.checkRetained(row, owner);
        CombinedQuery.checkMeasured(row, owner, sizes);
        return new Sum(
                row.text("organisation_id"),
                projectId,
                Math.toIntExact(row.number("slice")),
                metrics(row, owner, "received"),
                metrics(row, owner, "sent"),
                row.number("lost_sizes"),
                leavesShipped && isFirst ? ShippedDays.ofProject(row, projectId) : Optional.empty());
    }

    /** A sum that doesn't fit into a {@code long} is found by the driver, so that it doesn't end the statement. */
    private static UsageMetrics metrics(SqlRow row, String owner, String prefix) throws SQLException {
        long volume = row.number(prefix + "_volume");
        try {
            return new UsageMetrics(volume, row.number(prefix + "_bytes"));
        } catch (SQLException e) {
            if (!SqlErrors.isDataError(e)) {
                throw e;
            }
            throw new UsageCalculationException(
                    "the " + prefix + " bytes of " + owner + " exceed " + Long.MAX_VALUE + ", the largest sum", e);
        }
    }

    /**
     * Reads sums by slices of time from roll-ups, in one transaction.
     *
     * @param leavesShipped whether the sums lack the days that are left to another store
     */
    record OfRollups(PostgresRollups.Settings settings, Jdbc jdbc, Duration timeout, boolean leavesShipped)
            implements UsageSeries.Sums {

        @Override
        public void read(Optional<String> organisationId, List<Instant> edges, RollupSeriesQuery.Reader reader) {
            SqlErrors.checkTimeout(timeout);
            try {
                jdbc.transaction(Jdbc.Mode.READ_ONLY, timeout, connection -> {
                    TableShape shape = TableShape.read(connection, settings.mapping());
                    RollupSql sql = RollupCatalog.current(connection, settings, shape)
                            .orElseThrow(() -> UsageCalculationException.permanent(settings.nothingCurrent(), null));
                    RetainedDoubt.checkSums(connection, sql, organisationId, edges);
                    RollupSeriesQuery query = leavesShipped
                            ? leavingShipped(connection, sql, settings.projects(), organisationId)
                            : over(sql, settings.projects(), organisationId);
                    query.execute(connection, edges, reader);
                    RetainedDoubt.checkSums(
                            connection, sql, organisationId, edges); // of a restore that was committed meanwhile
                    return settings;
                });
            } catch (SQLException e) {
                throw SqlErrors.calculationFailure(
                        "reading sums from the roll-ups in the schema " + Identifiers.quote(settings.schema())
                                + " failed",
                        e);
            }
        }
    }
}
