package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageMetrics;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.SqlTemplate;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/** Sums from roll-ups by project and by slices of a window. Immutable. */
final class RollupSeriesQuery {

    /**
     * One sum.
     *
     * @param slice from 1; 0 if there was nothing in any
     */
    record Sum(String organisationId, String projectId, int slice, UsageMetrics received, UsageMetrics sent) {}

    private static final int ROWS_AT_A_TIME = 1_000;

    private final SqlTemplate statement;
    private final String sizes;
    private final Optional<String> organisationId;

    private RollupSeriesQuery(SqlTemplate statement, String sizes, Optional<String> organisationId) {
        this.statement = statement;
        this.sizes = sizes;
        this.organisationId = organisationId;
    }

    /** Of one organisation, or of all. */
    static RollupSeriesQuery over(RollupSql sql, ProjectScope projects, Optional<String> organisationId) {
        return new RollupSeriesQuery(
                sql.slices(projects, organisationId.isPresent()), CombinedQuery.sizes(sql.mapping()), organisationId);
    }

    /**
     * Asks, in a transaction, and hands the sums over as they come: by organisation, by project, by slice.
     *
     * @param edges of the slices, at least two
     * @throws UsageCalculationException if the roll-ups are other ones, a size is neither stored nor measurable, or an edge cuts a
     *     quarter of an hour of which retention has deleted rows
     */
    void execute(Connection connection, List<Instant> edges, Consumer<Sum> each) throws SQLException {
        List<Instant> lowers = edges.subList(0, edges.size() - 1);
        List<Instant> uppers = edges.subList(1, edges.size());
        SqlCall call = SqlCall.of(connection, statement)
                .instants("lowers", lowers)
                .instants("uppers", uppers)
                .instants(
                        "first_hours", lowers.stream().map(RollupSql::nextHour).toList())
                .instants(
                        "end_hours",
                        uppers.stream()
                                .map(edge -> edge.truncatedTo(ChronoUnit.HOURS))
                                .toList());
        organisationId.ifPresent(id -> call.text("organisation_id", id));
        AtomicBoolean any = new AtomicBoolean();
        call.forEach(ROWS_AT_A_TIME, row -> {
            any.set(true);
            if (row.optionalText("project_id").isPresent()) {
                each.accept(sum(row));
            }
        });
        if (!any.get()) {
            throw new UsageCalculationException(
                    "the roll-ups were made by another version or for another mapping; install them again", null);
        }
    }

    private Sum sum(SqlRow row) throws SQLException {
        String whose = "the project " + row.text("project_id");
        CombinedQuery.checkUncut(row, whose);
        CombinedQuery.checkMeasured(row, whose, sizes);
        return new Sum(
                row.text("organisation_id"),
                row.text("project_id"),
                (int) row.number("slice"),
                new UsageMetrics(row.number("received_volume"), row.number("received_bytes")),
                new UsageMetrics(row.number("sent_volume"), row.number("sent_bytes")));
    }
}
