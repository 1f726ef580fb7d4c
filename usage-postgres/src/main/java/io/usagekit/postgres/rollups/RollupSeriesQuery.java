package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageMetrics;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlTemplate;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;

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
        Map<String, Object> values = new HashMap<>(Map.of(
                "lowers", array(edges.subList(0, edges.size() - 1)),
                "uppers", array(edges.subList(1, edges.size())),
                "first_hours",
                        array(edges.subList(0, edges.size() - 1).stream()
                                .map(RollupSql::nextHour)
                                .toList()),
                "end_hours",
                        array(edges.subList(1, edges.size()).stream()
                                .map(edge -> edge.truncatedTo(ChronoUnit.HOURS))
                                .toList())));
        organisationId.ifPresent(id -> values.put("organisation_id", id));
        try (PreparedStatement prepared = statement.prepare(connection, values)) {
            prepared.setFetchSize(ROWS_AT_A_TIME);
            try (ResultSet row = prepared.executeQuery()) {
                boolean any = false;
                while (row.next()) {
                    any = true;
                    if (row.getString("project_id") != null) {
                        each.accept(sum(row));
                    }
                }
                if (!any) {
                    throw new UsageCalculationException(
                            "the roll-ups were made by another version or for another mapping; install them again",
                            null);
                }
            }
        }
    }

    private Sum sum(ResultSet row) throws SQLException {
        String whose = "the project " + row.getString("project_id");
        CombinedQuery.checkUncut(row, whose);
        CombinedQuery.checkMeasured(row, whose, sizes);
        return new Sum(
                row.getString("organisation_id"),
                row.getString("project_id"),
                row.getInt("slice"),
                new UsageMetrics(row.getLong("received_volume"), row.getLong("received_bytes")),
                new UsageMetrics(row.getLong("sent_volume"), row.getLong("sent_bytes")));
    }

    /** As PostgreSQL writes an array. */
    private static String array(List<Instant> instants) {
        return instants.stream()
                .map(instant -> '"' + instant.toString() + '"')
                .collect(Collectors.joining(",", "{", "}"));
    }
}
