package io.usagekit.postgres.rollups;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Computes figures from roll-ups, or by the combined query where these are absent or cover too little. */
final class RollupCalculator implements UsageCalculator {

    private static final Logger LOG = LoggerFactory.getLogger(PostgresRollups.class);

    private static final Duration SHORTEST = Duration.ofMillis(1);

    private final PostgresRollups.Settings settings;
    private final TableMapping mapping;
    private final ProjectScope projects;
    private final Jdbc jdbc;

    /** Built by the first computation, which reads the tables' shape; null before, and after an error that says it has changed. */
    private volatile @Nullable Queries queries;

    RollupCalculator(PostgresRollups.Settings settings) {
        this.settings = settings;
        this.mapping = settings.mapping();
        this.projects = settings.projects();
        this.jdbc = new Jdbc(settings.dataSource());
    }

    private record Queries(RollupFigureQuery rolled, CombinedQuery combined) {}

    /** A figure, and why it was computed from raw rows; empty if it wasn't. */
    private record Outcome(
            CombinedQuery.Totals totals, Optional<RollupListener.Fallback> fallback, long liveHours, long markedHours) {

        static Outcome raw(CombinedQuery.Totals totals, RollupListener.Fallback why) {
            return new Outcome(totals, Optional.of(why), 0, 0);
        }
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        SqlErrors.checkTimeout(timeout);
        Instant now = settings.clock().instant();
        Outcome outcome;
        try {
            outcome = compute(key, timeout, queries != null);
        } catch (SQLException e) {
            if (SqlErrors.meansChangedShape(e)) {
                queries = null;
            }
            throw SqlErrors.explain(key, timeout, e);
        }
        notifyListener(key, outcome);
        return new OrganisationUsage(
                key, outcome.totals().received(), outcome.totals().sent(), now);
    }

    /**
     * Computes from roll-ups first. An error ends its transaction, so the fallback runs in one of its own: the roll-ups have been
     * removed, or replaced by those of another version, or this role can't read them.
     *
     * @param lookedUpBefore whether the tables were looked up by an earlier computation, and may have changed since
     */
    private Outcome compute(UsageKey key, Duration timeout, boolean lookedUpBefore) throws SQLException {
        long start = System.nanoTime();
        try {
            return jdbc.transaction(Jdbc.Mode.READ_ONLY, timeout, connection -> fromRollups(connection, key));
        } catch (SQLException e) {
            if (lookedUpBefore && SqlErrors.meansChangedShape(e)) {
                // The tables have changed since they were looked up: that error isn't one of the settings.
                queries = null;
                return compute(key, leftOf(timeout, start), false);
            }
            if (!SqlErrors.isUnreadable(e)) {
                throw e;
            }
            queries = null;
            try {
                return jdbc.transaction(Jdbc.Mode.READ_ONLY, leftOf(timeout, start), connection -> {
                    TableShape shape = TableShape.read(connection, mapping);
                    return fromRawRows(connection, CombinedQuery.over(mapping, shape, projects), key);
                });
            } catch (SQLException | RuntimeException again) {
                again.addSuppressed(e);
                throw again;
            }
        }
    }

    private static Duration leftOf(Duration timeout, long start) {
        Duration left = timeout.minusNanos(System.nanoTime() - start);
        return left.compareTo(SHORTEST) < 0 ? SHORTEST : left;
    }

    private Outcome fromRollups(Connection connection, UsageKey key) throws SQLException {
        Queries known = queries;
        if (known == null) {
            TableShape shape = TableShape.read(connection, mapping);
            if (!RollupCatalog.isPresent(connection, settings.schema())) {
                return fromRawRows(connection, CombinedQuery.over(mapping, shape, projects), key);
            }
            RollupSql sql = RollupSql.over(mapping, shape, settings.schema());
            known = new Queries(RollupFigureQuery.over(sql, projects), sql.combined(projects));
            queries = known;
        }
        Optional<RollupFigureQuery.Answer> answer = known.rolled().execute(connection, key);
        if (answer.isEmpty()) {
            // The tables may have changed their shape since it was read.
            queries = null;
            return Outcome.raw(known.combined().execute(connection, key), RollupListener.Fallback.FOREIGN);
        }
        if (answer.get().totals().isEmpty()) {
            return Outcome.raw(known.combined().execute(connection, key), RollupListener.Fallback.NOT_COVERING);
        }
        return new Outcome(
                answer.get().totals().get(),
                Optional.empty(),
                answer.get().liveHours(),
                answer.get().markedHours());
    }

    /**
     * Computes from raw rows, without retained sums. Whether there are retained sums is checked after the figure is read: those of
     * rows that its snapshot lacks are committed by then.
     */
    private Outcome fromRawRows(Connection connection, CombinedQuery combined, UsageKey key) throws SQLException {
        CombinedQuery.Totals totals = combined.execute(connection, key);
        if (RollupCatalog.holdsRetained(connection, settings.schema())) {
            throw UsageCalculationException.permanent(
                    "the usage of " + key + " can't be computed: the roll-ups in the schema "
                            + settings.quotedSchema()
                            + " hold sums of rows that were deleted by retention, and this role or this version of the"
                            + " library can't read them; grant SELECT on the schema's tables, or call install() again",
                    null);
        }
        return Outcome.raw(totals, RollupListener.Fallback.ABSENT);
    }

    private void notifyListener(UsageKey key, Outcome outcome) {
        try {
            if (outcome.fallback().isPresent()) {
                settings.listener().fromRawRows(key, outcome.fallback().get());
            } else {
                settings.listener().fromRollups(key, outcome.liveHours(), outcome.markedHours());
            }
        } catch (RuntimeException e) {
            LOG.warn("the listener of the roll-ups in the schema {} threw an exception", settings.schema(), e);
        }
    }
}
