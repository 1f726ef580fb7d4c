package io.usagekit.postgres.rollups;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import java.util.Set;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Computes figures from roll-ups, or by the combined query where they don't serve. */
final class RollupCalculator implements UsageCalculator {

    private static final Logger LOG = LoggerFactory.getLogger(PostgresRollups.class);

    /** undefined_table, undefined_column, invalid_schema_name, insufficient_privilege. */
    private static final Set<String> NOT_TO_BE_READ = Set.of("42P01", "42703", "3F000", "42501");

    private final DataSource dataSource;
    private final TableMapping mapping;
    private final String schema;
    private final ProjectScope projects;
    private final InstantSource clock;
    private final RollupListener listener;

    /** Built at the first computation, when the tables are looked up; null before, and again when they have changed. */
    private volatile @Nullable Queries queries;

    RollupCalculator(
            DataSource dataSource,
            TableMapping mapping,
            String schema,
            ProjectScope projects,
            InstantSource clock,
            RollupListener listener) {
        this.dataSource = dataSource;
        this.mapping = mapping;
        this.schema = schema;
        this.projects = projects;
        this.clock = clock;
        this.listener = listener;
    }

    private record Queries(RollupFigureQuery rolled, CombinedQuery combined) {}

    /** A figure and why it came from raw rows; empty if it didn't. */
    private record Outcome(
            CombinedQuery.Totals totals, Optional<RollupFallback> fallback, long liveHours, long markedHours) {

        static Outcome raw(CombinedQuery.Totals totals, RollupFallback why) {
            return new Outcome(totals, Optional.of(why), 0, 0);
        }
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        SqlErrors.checkTimeout(timeout);
        Instant now = clock.instant();
        Outcome outcome;
        try {
            outcome = compute(key, timeout);
        } catch (SQLException e) {
            if (SqlErrors.meansChangedShape(e)) {
                queries = null;
            }
            throw SqlErrors.explain(key, timeout, e);
        }
        tell(key, outcome);
        return new OrganisationUsage(
                key, outcome.totals().received(), outcome.totals().sent(), now);
    }

    /**
     * An error ends its transaction, so that what can't be read is found out in one of its own: roll-ups that have been removed,
     * or replaced by those of another version, since the last look.
     */
    private Outcome compute(UsageKey key, Duration timeout) throws SQLException {
        long began = System.nanoTime();
        try {
            return Jdbc.run(dataSource, Jdbc.Mode.READ_ONLY, timeout, connection -> fromRollups(connection, key));
        } catch (SQLException e) {
            if (!NOT_TO_BE_READ.contains(String.valueOf(e.getSQLState()))) {
                throw e;
            }
            queries = null;
            Duration left = timeout.minusNanos(System.nanoTime() - began);
            try {
                return Jdbc.run(
                        dataSource,
                        Jdbc.Mode.READ_ONLY,
                        left.compareTo(Duration.ofMillis(1)) < 0 ? Duration.ofMillis(1) : left,
                        connection -> {
                            TableShape shape = TableShape.read(connection, mapping);
                            return fromRawRowsAlone(connection, CombinedQuery.over(mapping, shape, projects), key);
                        });
            } catch (SQLException | RuntimeException again) {
                again.addSuppressed(e);
                throw again;
            }
        }
    }

    private Outcome fromRollups(Connection connection, UsageKey key) throws SQLException {
        Queries known = queries;
        if (known == null) {
            TableShape shape = TableShape.read(connection, mapping);
            if (!RollupInstaller.isPresent(connection, schema)) {
                return fromRawRowsAlone(connection, CombinedQuery.over(mapping, shape, projects), key);
            }
            RollupSql sql = RollupSql.over(mapping, shape, schema);
            known = new Queries(RollupFigureQuery.over(sql, projects), sql.combined(projects));
            queries = known;
        }
        Optional<RollupFigureQuery.Answer> answer = known.rolled().execute(connection, key);
        if (answer.isEmpty()) {
            // Perhaps the tables have another shape than when they were looked up.
            queries = null;
            return Outcome.raw(known.combined().execute(connection, key), RollupFallback.FOREIGN);
        }
        if (answer.get().totals().isEmpty()) {
            return Outcome.raw(known.combined().execute(connection, key), RollupFallback.NOT_COVERING);
        }
        return new Outcome(
                answer.get().totals().get(),
                Optional.empty(),
                answer.get().liveHours(),
                answer.get().markedHours());
    }

    /**
     * Where what retention has deleted can't be read. Whether there is any is asked after the figure: what its snapshot lacks has
     * been kept by then.
     */
    private Outcome fromRawRowsAlone(Connection connection, CombinedQuery combined, UsageKey key) throws SQLException {
        CombinedQuery.Totals totals = combined.execute(connection, key);
        if (RollupInstaller.holdsRetained(connection, schema)) {
            throw new UsageCalculationException(
                    "the usage of " + key + " can't be computed: the roll-ups in the schema "
                            + Identifiers.quote(schema)
                            + " hold sums of rows that were deleted by retention, and this role or this version of the"
                            + " library can't read them",
                    null);
        }
        return Outcome.raw(totals, RollupFallback.ABSENT);
    }

    private void tell(UsageKey key, Outcome outcome) {
        try {
            if (outcome.fallback().isPresent()) {
                listener.fromRawRows(key, outcome.fallback().get());
            } else {
                listener.fromRollups(key, outcome.liveHours(), outcome.markedHours());
            }
        } catch (RuntimeException e) {
            LOG.warn("a roll-up listener failed", e);
        }
    }
}
