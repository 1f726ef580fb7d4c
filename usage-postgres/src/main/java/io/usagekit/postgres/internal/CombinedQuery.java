package io.usagekit.postgres.internal;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.postgres.TableMapping;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The combined query over mapped tables, with or without the sums of rows that retention has deleted. Immutable. */
public final class CombinedQuery {

    /**
     * Figures of several keys, each of which is in one of the two maps.
     *
     * @param failures why the others have none, each for itself
     */
    public record Figures(Map<UsageKey, Totals> totals, Map<UsageKey, UsageException> failures) {}

    /**
     * A figure: what an organisation received and sent.
     *
     * @param unmeasured how many rows count without octets, which can't be known any more
     */
    public record Totals(UsageMetrics received, UsageMetrics sent, long unmeasured) {

        /** A figure of which all octets are known. */
        public Totals(UsageMetrics received, UsageMetrics sent) {
            this(received, sent, 0);
        }

        /** Returns the figure of a key. */
        public OrganisationUsage of(UsageKey key, Instant computedAt) {
            return new OrganisationUsage(key, received, sent, computedAt, unmeasured);
        }
    }

    /** The fragments that say which rows count. */
    private static final List<String> COUNTING = List.of("counted-projects", "event-in-window", "delivery-counts");

    private static final SqlFiles FILES = SqlFiles.of("combined-query.sql");

    private final SqlTemplate statement;
    private final SqlTemplate bulkStatement;
    private final String sizes;
    private final boolean retains;

    private CombinedQuery(SqlTemplate statement, SqlTemplate bulkStatement, String sizes, boolean retains) {
        this.statement = statement;
        this.bulkStatement = bulkStatement;
        this.sizes = sizes;
        this.retains = retains;
    }

    /** The combined query over mapped tables. */
    public static CombinedQuery over(TableShape shape, ProjectScope projects) {
        Map<String, String> names = MappedNames.of(shape);
        names.put("project.counts", MappedNames.counts(shape, projects));
        SqlStatements statements = SqlStatements.of(FILES, names);
        Map<String, String> fragments = fragments(shape);
        return new CombinedQuery(
                statements.template("combined-query", fragments),
                statements.template("combined-figures", fragments),
                sizes(shape.mapping()),
                false);
    }

    /**
     * The combined query with the sums of rows that retention has deleted.
     *
     * @param statement takes the parameters of the combined query; returns its columns, and those that {@link #checkRetained} reads
     * @param bulkStatement the same for many requests
     */
    public static CombinedQuery withRetained(SqlTemplate statement, SqlTemplate bulkStatement, TableMapping mapping) {
        return new CombinedQuery(statement, bulkStatement, sizes(mapping), true);
    }

    /** The texts of statements and fragments, by their names, as fragments of other statements: names are still to be put in. */
    public static Map<String, String> texts(TableShape shape) {
        SqlStatements statements = SqlStatements.of(FILES, Map.of());
        Map<String, String> texts = new HashMap<>();
        for (String name : List.of("combined-query", "combined-figures", "requested-organisations")) {
            texts.put(name, statements.text(name, fragments(shape)));
        }
        return texts;
    }

    /** The texts of the fragments that say which rows count, by their names, as fragments of other statements. */
    public static Map<String, String> counting() {
        SqlStatements statements = SqlStatements.of(FILES, Map.of());
        Map<String, String> texts = new HashMap<>();
        COUNTING.forEach(name -> texts.put(name, statements.text(name, Map.of())));
        return texts;
    }

    private static Map<String, String> fragments(TableShape shape) {
        return MappedNames.isPartlyStored(shape)
                ? Map.of(
                        "window-event",
                        "{window-event-partly-stored}",
                        "window-events",
                        "{window-events-partly-stored}")
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
                        checkRetained(row, String.valueOf(key));
                    }
                    return totals(row, key, sizes);
                })
                .orElseThrow(
                        () -> new UsageCalculationException("the combined query returned no row for " + key, null));
    }

    /** Computes the sums of a key, of all rows that have a size; {@code unmeasured} counts the others. */
    public Totals sums(Connection connection, UsageKey key) throws SQLException {
        return call(connection, key)
                .one(row -> new Totals(
                        new UsageMetrics(row.number("received_volume"), row.number("received_bytes")),
                        new UsageMetrics(row.number("sent_volume"), row.number("sent_bytes")),
                        Math.addExact(row.number("unmeasured"), row.number("lost_sizes"))));
    }

    /** Computes the figures of several keys, all in one snapshot; {@link FigureBatch#MAX} at most. */
    public Figures executeAll(Connection connection, List<UsageKey> keys) throws SQLException {
        Map<UsageKey, Totals> totals = new HashMap<>();
        Map<UsageKey, UsageException> failures = new HashMap<>();
        callForAll(connection, keys).forEach(row -> {
            UsageKey key = keys.get(Math.toIntExact(row.number("n")) - 1);
            try {
                if (retains) {
                    checkRetained(row, String.valueOf(key));
                }
                totals.put(key, totals(row, key, sizes));
            } catch (UsageException e) {
                failures.put(key, e);
            }
        });
        return new Figures(totals, failures);
    }

    /** Returns a call of the statement for many requests, bound to these keys. */
    SqlCall callForAll(Connection connection, List<UsageKey> keys) {
        Instant start = keys.stream()
                .map(key -> key.period().start())
                .min(Instant::compareTo)
                .orElseThrow();
        Instant end = keys.stream()
                .map(key -> key.period().end())
                .max(Instant::compareTo)
                .orElseThrow();
        return bind(SqlCall.of(connection, bulkStatement), keys)
                .instant("start", start)
                .instant("end", end);
    }

    /** Binds organisations and windows of several keys to the arrays of a statement for many requests. */
    public static SqlCall bind(SqlCall call, List<UsageKey> keys) {
        Map<String, Long> organisations = new LinkedHashMap<>();
        keys.forEach(key -> organisations.putIfAbsent(key.organisationId(), organisations.size() + 1L));
        return call.untypedTexts("organisation_ids", organisations.keySet())
                .numbers(
                        "organisations",
                        keys.stream()
                                .map(key -> organisations.get(key.organisationId()))
                                .toList())
                .instants(
                        "lowers", keys.stream().map(key -> key.period().start()).toList())
                .instants("uppers", keys.stream().map(key -> key.period().end()).toList());
    }

    /** Says that what retention has kept of a project belongs to no organisation that is known, and what to do, for errors. */
    public static String missing(String projectId) {
        return "retention has kept sums of the project \"" + projectId
                + "\" in that time, which the projects don't have any more; if it was renamed or merged with another one, call"
                + " moveRetained with both ids (usage rollups move-retained), and if it was deleted and doesn't count, call"
                + " omitRetained (usage rollups omit-retained)";
    }

    /**
     * Checks that what retention has kept is known to belong to the figure: no edge of the window falls into a quarter of an hour of which
     * only the sum is known, and the projects still have each project of the organisation.
     *
     * @param whose the owner of the rows, for the error message
     * @throws UsageCalculationException if one does, or don't
     */
    public static void checkRetained(SqlRow row, String whose) throws SQLException {
        Optional<String> missing = row.optionalText("missing_project");
        if (missing.isPresent()) {
            throw UsageCalculationException.permanent(
                    "the usage of " + whose + " can't be computed: " + missing(missing.get()), null);
        }
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
                            + "\" is null and no payload column is mapped, or a stored size is negative, not a number, or beyond"
                            + " bigint; correct these rows, or map no stored size",
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
                new UsageMetrics(row.number("sent_volume"), row.number("sent_bytes")),
                row.number("lost_sizes"));
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
