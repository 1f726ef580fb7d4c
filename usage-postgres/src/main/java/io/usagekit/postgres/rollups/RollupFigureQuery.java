package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.FigureBatch;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.SqlTemplate;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The statement that reads a figure from roll-ups. Immutable. */
final class RollupFigureQuery {

    /** Above this share of the window that is live, in percent, the combined query is faster. */
    static final int LIVE_PERCENT = 25;

    /** Above this number of rows in the change log the combined query is faster. */
    static final int CHANGED_EVENTS = 1_000;

    /**
     * Result of the statement.
     *
     * @param totals the figure; empty if too much of the window is live
     * @param liveHours hours to be read live, of all projects together
     * @param markedHours how many of them are rolled but marked dirty
     * @param intact whether the tables and triggers are as they were recorded; if not, all hours are to be read live
     */
    record Answer(Optional<CombinedQuery.Totals> totals, long liveHours, long markedHours, boolean intact) {}

    /**
     * Results of the statement for several keys, each of which is in one of the two maps.
     *
     * @param failures why the others have no figure, each for itself
     */
    record Answers(Map<UsageKey, Answer> answers, Map<UsageKey, UsageException> failures) {}

    private final SqlTemplate statement;
    private final SqlTemplate bulkStatement;
    private final String sizes;
    private final int livePercent;
    private final int changedEvents;

    private RollupFigureQuery(
            SqlTemplate statement, SqlTemplate bulkStatement, String sizes, int livePercent, int changedEvents) {
        this.statement = statement;
        this.bulkStatement = bulkStatement;
        this.sizes = sizes;
        this.livePercent = livePercent;
        this.changedEvents = changedEvents;
    }

    static RollupFigureQuery over(RollupSql sql, ProjectScope projects) {
        return new RollupFigureQuery(
                sql.figure(projects),
                sql.figures(projects),
                CombinedQuery.sizes(sql.mapping()),
                LIVE_PERCENT,
                CHANGED_EVENTS);
    }

    /** Returns the same statement without limits: it has a figure however much is live. */
    RollupFigureQuery always() {
        return new RollupFigureQuery(statement, bulkStatement, sizes, Integer.MAX_VALUE, Integer.MAX_VALUE);
    }

    /**
     * Reads the figure of a key.
     *
     * @return empty if the roll-ups were installed for another mapping or by another version
     * @throws UsageCalculationException if a size is neither stored nor measurable, or an edge of the window falls into a quarter of
     *     an hour of which retention has deleted rows
     */
    Optional<Answer> execute(Connection connection, UsageKey key) throws SQLException {
        return call(connection, key).first(row -> answer(row, key));
    }

    private Answer answer(SqlRow row, UsageKey key) throws SQLException {
        CombinedQuery.checkRetained(row, String.valueOf(key));
        Optional<CombinedQuery.Totals> totals =
                row.flag("covering") ? Optional.of(CombinedQuery.totals(row, key, sizes)) : Optional.empty();
        return new Answer(totals, row.number("live_hours"), row.number("marked_hours"), row.flag("intact"));
    }

    /**
     * Reads the figures of several keys in one snapshot, {@link FigureBatch#MAX} at most.
     *
     * @return empty if the roll-ups were installed for another mapping or by another version
     */
    Optional<Answers> executeAll(Connection connection, List<UsageKey> keys) throws SQLException {
        Map<UsageKey, Answer> answers = new HashMap<>();
        Map<UsageKey, UsageException> failures = new HashMap<>();
        callForAll(connection, keys).forEach(row -> {
            UsageKey key = keys.get(Math.toIntExact(row.number("n")) - 1);
            try {
                answers.put(key, answer(row, key));
            } catch (UsageException e) {
                failures.put(key, e);
            }
        });
        return answers.isEmpty() && failures.isEmpty() ? Optional.empty() : Optional.of(new Answers(answers, failures));
    }

    /** Returns the statement for many requests bound to these keys. */
    SqlCall callForAll(Connection connection, List<UsageKey> keys) {
        return CombinedQuery.bind(SqlCall.of(connection, bulkStatement), keys)
                .instants(
                        "first_hours",
                        keys.stream()
                                .map(key -> RollupSql.nextHour(key.period().start()))
                                .toList())
                .instants(
                        "end_hours",
                        keys.stream()
                                .map(key -> key.period().end().truncatedTo(ChronoUnit.HOURS))
                                .toList())
                .number("live_percent", livePercent)
                .number("changed_events", changedEvents);
    }

    /** Returns the statement bound to a key. */
    SqlCall call(Connection connection, UsageKey key) {
        Instant start = key.period().start();
        Instant end = key.period().end();
        return SqlCall.of(connection, statement)
                .text("organisation_id", key.organisationId())
                .instant("start", start)
                .instant("end", end)
                .instant("first_hour", RollupSql.nextHour(start))
                .instant("end_hour", end.truncatedTo(ChronoUnit.HOURS))
                .number("live_percent", livePercent)
                .number("changed_events", changedEvents);
    }
}
