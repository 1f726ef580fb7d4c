package io.usagekit.postgres.internal;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.postgres.TableMapping;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Map;

/** The combined query over one set of tables, or over them and what retention has deleted of them. Immutable. */
public final class CombinedQuery {

    /** What it returns. */
    public record Totals(UsageMetrics received, UsageMetrics sent) {}

    private final SqlTemplate statement;
    private final String sizes;
    private final boolean retains;

    private CombinedQuery(SqlTemplate statement, String sizes, boolean retains) {
        this.statement = statement;
        this.sizes = sizes;
        this.retains = retains;
    }

    public static CombinedQuery over(TableMapping mapping, TableShape shape, ProjectScope projects) {
        Map<String, String> pieces = MappedNames.of(mapping, shape);
        pieces.put("project.counts", MappedNames.counts(mapping, projects));
        return new CombinedQuery(SqlTemplate.of(text(mapping, shape), pieces), sizes(mapping), false);
    }

    /**
     * The combined query with the sums of rows that retention has deleted.
     *
     * @param statement takes the parameters of the combined query; returns its columns, and {@code cut}, whether an edge of the
     *     window falls into a quarter of an hour of which only the sum is known
     */
    public static CombinedQuery withRetained(SqlTemplate statement, TableMapping mapping) {
        return new CombinedQuery(statement, sizes(mapping), true);
    }

    /** The statement before its pieces are put in. */
    public static String text(TableMapping mapping, TableShape shape) {
        String windowEvent = SqlTemplate.resource(
                MappedNames.isPartlyStored(mapping, shape) ? "window-event-partly-stored.sql" : "window-event.sql");
        return SqlTemplate.resource("combined-query.sql")
                .replace("{window_event}", SqlTemplate.withoutComments(windowEvent));
    }

    /** What the sizes are kept in. */
    public static String sizes(TableMapping mapping) {
        return mapping.storedBytes().orElse("payload");
    }

    /** The statement as it is sent. */
    public String sql() {
        return statement.sql();
    }

    public Totals execute(Connection connection, UsageKey key) throws SQLException {
        try (PreparedStatement prepared = prepare(connection, key, "");
                ResultSet row = prepared.executeQuery()) {
            if (!row.next()) {
                throw new UsageCalculationException("the combined query returned no row for " + key, null);
            }
            if (retains) {
                checkUncut(row, String.valueOf(key));
            }
            return totals(row, key, sizes);
        }
    }

    /**
     * Makes sure that no edge falls into a quarter of an hour of which only the sum is known.
     *
     * @param whose whose rows they are, for the error message
     * @throws UsageCalculationException if one does
     */
    public static void checkUncut(ResultSet row, String whose) throws SQLException {
        if (row.getBoolean("cut")) {
            throw new UsageCalculationException(
                    "the usage of " + whose
                            + " can't be told any more: the window begins or ends within a quarter of an"
                            + " hour of which rows were deleted by retention, which keeps the sum of a quarter only;"
                            + " windows whose edges are at full quarters have a figure",
                    null);
        }
    }

    /**
     * Makes sure that every row has a size.
     *
     * @param whose whose rows they are, for the error message
     * @param sizes what the sizes are kept in, for the error message
     * @throws UsageCalculationException if one is neither stored nor measurable
     */
    public static void checkMeasured(ResultSet row, String whose, String sizes) throws SQLException {
        long unmeasured = row.getLong("unmeasured");
        if (unmeasured > 0) {
            throw new UsageCalculationException(
                    unmeasured + " rows of " + whose + " have no size: their \"" + sizes
                            + "\" is null and no payload column is mapped",
                    null);
        }
    }

    /**
     * The figure in a row.
     *
     * @param sizes what the sizes are kept in, for the error message
     * @throws UsageCalculationException if a size is neither stored nor measurable
     */
    public static Totals totals(ResultSet row, UsageKey key, String sizes) throws SQLException {
        checkMeasured(row, String.valueOf(key), sizes);
        return new Totals(
                new UsageMetrics(row.getLong("received_volume"), row.getLong("received_bytes")),
                new UsageMetrics(row.getLong("sent_volume"), row.getLong("sent_bytes")));
    }

    /** Bound to a key, with something in front of it: nothing, or what asks for its plan. */
    public PreparedStatement prepare(Connection connection, UsageKey key, String prefix) throws SQLException {
        return statement.prepare(
                connection,
                prefix,
                Map.of(
                        "organisation_id", key.organisationId(),
                        "start", key.period().start(),
                        "end", key.period().end()));
    }
}
