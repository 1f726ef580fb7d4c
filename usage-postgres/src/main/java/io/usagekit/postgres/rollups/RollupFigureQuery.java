package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlTemplate;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;

/** The figure from roll-ups, in one statement. Immutable. */
final class RollupFigureQuery {

    /** How much of a window may be live, in percent, before the combined query is the faster way. */
    static final int LIVE_PERCENT = 25;

    /** How many notes of events that have changed are looked up for a figure; beyond that the combined query is the faster way. */
    static final int CHANGED_EVENTS = 1_000;

    /**
     * What came of it.
     *
     * @param totals the figure; empty if too much of the window would have been live
     * @param liveHours hours to be read live, of all projects together
     * @param markedHours how many of them are rolled but marked
     */
    record Answer(Optional<CombinedQuery.Totals> totals, long liveHours, long markedHours) {}

    private final SqlTemplate statement;
    private final String sizes;
    private final int livePercent;
    private final int changedEvents;

    private RollupFigureQuery(SqlTemplate statement, String sizes, int livePercent, int changedEvents) {
        this.statement = statement;
        this.sizes = sizes;
        this.livePercent = livePercent;
        this.changedEvents = changedEvents;
    }

    static RollupFigureQuery over(RollupSql sql, ProjectScope projects) {
        return new RollupFigureQuery(
                sql.statement("rollups-read.sql", projects),
                CombinedQuery.sizes(sql.mapping()),
                LIVE_PERCENT,
                CHANGED_EVENTS);
    }

    /** The same, however much is live. */
    RollupFigureQuery always() {
        return new RollupFigureQuery(statement, sizes, Integer.MAX_VALUE, Integer.MAX_VALUE);
    }

    /**
     * Asks.
     *
     * @return empty if the roll-ups were made for another mapping or by another version
     * @throws UsageCalculationException if a size is neither stored nor measurable, or an edge of the window cuts a quarter of an
     *     hour of which retention has deleted rows
     */
    Optional<Answer> execute(Connection connection, UsageKey key) throws SQLException {
        return call(connection, key).first(row -> {
            CombinedQuery.checkUncut(row, String.valueOf(key));
            Optional<CombinedQuery.Totals> totals =
                    row.flag("covering") ? Optional.of(CombinedQuery.totals(row, key, sizes)) : Optional.empty();
            return new Answer(totals, row.number("live_hours"), row.number("marked_hours"));
        });
    }

    /** Returns the statement bound to a key, with something before it: nothing, or e.g. {@code explain }. */
    PreparedStatement prepare(Connection connection, UsageKey key, String prefix) throws SQLException {
        return call(connection, key).prepare(prefix);
    }

    private SqlCall call(Connection connection, UsageKey key) {
        Instant start = key.period().start();
        Instant end = key.period().end();
        return SqlCall.of(connection, statement)
                .text("organisation_id", key.organisationId())
                .instant("start", start)
                .instant("end", end)
                .instant("first_hour", RollupSql.nextHour(start))
                .instant("end_hour", end.truncatedTo(ChronoUnit.HOURS))
                .text("live_percent", Integer.toString(livePercent))
                .text("changed_events", Integer.toString(changedEvents));
    }
}
