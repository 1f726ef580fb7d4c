package io.usagekit.postgres.internal;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.postgres.TableMapping;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Map;

/** The combined query over mapped tables, with or without the sums of rows that retention has deleted. Immutable. */
public final class CombinedQuery {

    /** A figure: what an organisation received and sent. */
    public record Totals(UsageMetrics received, UsageMetrics sent) {}

    private static final SqlFiles FILES = SqlFiles.of("combined-query.sql");

    private final SqlTemplate statement;
    private final String sizes;
    private final boolean retains;

    private CombinedQuery(SqlTemplate statement, String sizes, boolean retains) {
        this.statement = statement;
        this.sizes = sizes;
        this.retains = retains;
    }

    /** The combined query over mapped tables. */
    public static CombinedQuery over(TableMapping mapping, TableShape shape, ProjectScope projects) {
        Map<String, String> names = MappedNames.of(mapping, shape);
        names.put("project.counts", MappedNames.counts(mapping, projects));
        return new CombinedQuery(
                SqlStatements.of(FILES, names).template("combined-query", fragments(mapping, shape)),
                sizes(mapping),
                false);
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

    /** The statement's text, as a fragment of another statement: names are still to be put in. */
    public static String text(TableMapping mapping, TableShape shape) {
        return SqlStatements.of(FILES, Map.of()).text("combined-query", fragments(mapping, shape));
    }

    private static Map<String, String> fragments(TableMapping mapping, TableShape shape) {
        return MappedNames.isPartlyStored(mapping, shape)
                ? Map.of("window-event", "{window-event-partly-stored}")
                : Map.of();
    }

    /** Returns the name of the column that holds sizes, for error messages. */
    public static String sizes(TableMapping mapping) {
        return mapping.storedBytes().orElse("payload");
    }

    /** Returns the statement as it is sent. */
    public String sql() {
        return statement.sql();
    }

    /** Computes the figure of a key. */
    public Totals execute(Connection connection, UsageKey key) throws SQLException {
        return call(connection, key)
                .first(row -> {
                    if (retains) {
                        checkUncut(row, String.valueOf(key));
                    }
                    return totals(row, key, sizes);
                })
                .orElseThrow(
                        () -> new UsageCalculationException("the combined query returned no row for " + key, null));
    }

    /**
     * Checks that no edge of the window falls into a quarter of an hour of which only the sum is known.
     *
     * @param whose the owner of the rows, for the error message
     * @throws UsageCalculationException if one does
     */
    public static void checkUncut(SqlRow row, String whose) throws SQLException {
        if (row.flag("cut")) {
            throw new UsageCalculationException(
                    "the usage of " + whose
                            + " can't be computed any more: the window begins or ends within a quarter of an"
                            + " hour of which rows were deleted by retention, which keeps the sum of a quarter only;"
                            + " windows whose edges are at full quarters have a figure",
                    null);
        }
    }

    /**
     * Checks that every row has a size.
     *
     * @param whose the owner of the rows, for the error message
     * @param sizes the name of the column that holds sizes, for the error message
     * @throws UsageCalculationException if one is neither stored nor measurable
     */
    public static void checkMeasured(SqlRow row, String whose, String sizes) throws SQLException {
        long unmeasured = row.number("unmeasured");
        if (unmeasured > 0) {
            throw new UsageCalculationException(
                    unmeasured + " rows of " + whose + " have no size: their \"" + sizes
                            + "\" is null and no payload column is mapped",
                    null);
        }
    }

    /**
     * Reads the figure in a row.
     *
     * @param sizes the name of the column that holds sizes, for the error message
     * @throws UsageCalculationException if a size is neither stored nor measurable
     */
    public static Totals totals(SqlRow row, UsageKey key, String sizes) throws SQLException {
        checkMeasured(row, String.valueOf(key), sizes);
        return new Totals(
                new UsageMetrics(row.number("received_volume"), row.number("received_bytes")),
                new UsageMetrics(row.number("sent_volume"), row.number("sent_bytes")));
    }

    /** Returns the statement bound to a key, with something before it: nothing, or e.g. {@code explain }. */
    public PreparedStatement prepare(Connection connection, UsageKey key, String prefix) throws SQLException {
        return call(connection, key).prepare(prefix);
    }

    private SqlCall call(Connection connection, UsageKey key) {
        return SqlCall.of(connection, statement)
                .text("organisation_id", key.organisationId())
                .instant("start", key.period().start())
                .instant("end", key.period().end());
    }
}
