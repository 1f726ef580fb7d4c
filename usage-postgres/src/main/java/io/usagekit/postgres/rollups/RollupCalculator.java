package io.usagekit.postgres.rollups;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.FigureBatch;
import io.usagekit.postgres.internal.IndexBuilder;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.internal.ids.CanonicalIds;
import io.usagekit.postgres.rollups.internal.FigurePart;
import io.usagekit.postgres.rollups.internal.PartCalculator;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Computes figures from roll-ups, or by the combined query where these are absent or cover too little. */
final class RollupCalculator implements UsageCalculator, PartCalculator {

    private static final Logger LOG = LoggerFactory.getLogger(PostgresRollups.class);

    private final PostgresRollups.Settings settings;
    private final TableMapping mapping;
    private final ProjectScope projects;
    private final Jdbc jdbc;
    private final CanonicalIds ids = new CanonicalIds();
    private final RollupProof.RecentTriggers triggers;

    /** Whether indexes that are missing have been logged. */
    private final AtomicBoolean warned = new AtomicBoolean();

    /** Built by the first computation, which reads the tables' shape; null before, and after an error that says it has changed. */
    private volatile @Nullable Queries queries;

    /** Whether figures lack the days that are left to another store. */
    private final boolean leavesShipped;

    RollupCalculator(PostgresRollups.Settings settings, LongSupplier ticker, boolean leavesShipped) {
        this.leavesShipped = leavesShipped;
        this.triggers = new RollupProof.RecentTriggers(ticker);
        this.settings = settings;
        this.mapping = settings.mapping();
        this.projects = settings.projects();
        this.jdbc = new Jdbc(settings.dataSource());
    }

    /**
     * The statements.
     *
     * @param sql their source
     * @param rolled empty if the roll-ups were installed for another mapping or by another version of the library
     */
    private record Queries(RollupSql sql, Optional<RollupFigureQuery> rolled, CombinedQuery combined) {}

    /** A figure, and why it was computed from raw rows; empty if it wasn't. */
    private record Outcome(
            FigurePart part, Optional<RollupListener.Fallback> fallback, long liveHours, long markedHours) {

        static Outcome raw(CombinedQuery.Totals totals, RollupListener.Fallback why) {
            return new Outcome(new FigurePart(totals, Optional.empty()), Optional.of(why), 0, 0);
        }

        static Outcome rolled(RollupFigureQuery.Answer answer) {
            FigurePart part = new FigurePart(answer.totals().orElseThrow(), answer.shipped());
            return new Outcome(part, Optional.empty(), answer.liveHours(), answer.markedHours());
        }
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        Instant now = settings.clock().instant();
        return part(key, timeout).totals().of(key, now);
    }

    @Override
    public FigurePart part(UsageKey key, Duration timeout) {
        SqlErrors.checkTimeout(timeout);
        Outcome outcome;
        try {
            outcome = compute(key, timeout);
        } catch (SQLException e) {
            if (SqlErrors.meansChangedShape(e)) {
                queries = null;
            }
            throw SqlErrors.explain(key, timeout, e);
        }
        notifyListener(key, outcome);
        return outcome.part();
    }

    @Override
    public String canonicalId(String organisationId) {
        return ids.canonical(organisationId);
    }

    @Override
    public boolean knowsIds() {
        return ids.isKnown();
    }

    @Override
    public void learnIds(Duration timeout) {
        SqlErrors.checkTimeout(timeout);
        try {
            jdbc.transaction(Jdbc.Mode.READ_ONLY, timeout, this::learnIds);
        } catch (SQLException e) {
            throw SqlErrors.calculationFailure("the type of the column of organisations' ids can't be read", e);
        }
    }

    /** Reads the shape of the tables, and how they write organisations' ids. */
    private TableShape shape(Connection connection) throws SQLException {
        TableShape shape = TableShape.read(connection, mapping);
        learnIds(connection);
        if (warned.compareAndSet(false, true)) {
            IndexBuilder.warnOfMissing(connection, shape.mapping());
        }
        return shape;
    }

    /** Reads the type of one column from the catalog, which waits for no lock of a table. */
    private TableMapping learnIds(Connection connection) throws SQLException {
        ids.columnIs(TableShape.organisationIdType(connection, mapping));
        return mapping;
    }

    @Override
    public int maxBatch() {
        return FigureBatch.MAX;
    }

    /** Computes in one snapshot what roll-ups cover, and the rest by the combined query in another one. */
    @Override
    public Figures calculateAll(Collection<UsageKey> keys, Duration timeout) {
        return FigureBatch.compute(keys, timeout, settings.clock().instant(), this::computeAll);
    }

    /** Outcomes of several keys, each of which is in one of the two maps. */
    private record Outcomes(Map<UsageKey, Outcome> known, Map<UsageKey, UsageException> failures) {

        Outcomes() {
            this(new HashMap<>(), new HashMap<>());
        }

        /** Takes a figure out again, if there is a reason. */
        void refuse(UsageKey key, Optional<UsageCalculationException> reason) {
            reason.ifPresent(why -> {
                known.remove(key);
                failures.put(key, why);
            });
        }

        void addRaw(CombinedQuery.Figures figures, RollupListener.Fallback why) {
            figures.totals().forEach((key, totals) -> known.put(key, Outcome.raw(totals, why)));
            failures.putAll(figures.failures());
        }
    }

    private CombinedQuery.Figures computeAll(List<UsageKey> keys, Duration timeout) throws SQLException {
        Outcomes outcomes;
        try {
            outcomes = inTransaction(
                    Jdbc.Mode.READ_ONLY,
                    timeout,
                    queries != null,
                    connection -> allFromRollups(connection, keys),
                    (connection, why) -> allFromRawRows(connection, combined(connection), keys, why));
        } catch (SQLException e) {
            if (SqlErrors.meansChangedShape(e)) {
                queries = null;
            }
            throw e;
        }
        outcomes.known().forEach(this::notifyListener);
        Map<UsageKey, CombinedQuery.Totals> totals = new HashMap<>();
        outcomes.known()
                .forEach((key, outcome) -> totals.put(key, outcome.part().totals()));
        return new CombinedQuery.Figures(totals, outcomes.failures());
    }

    private Outcomes allFromRollups(Connection connection, List<UsageKey> keys) throws SQLException {
        Optional<Queries> found = queries(connection);
        if (found.isEmpty()) {
            return allFromRawRows(connection, combined(connection), keys, RollupListener.Fallback.ABSENT);
        }
        Queries known = found.get();
        Outcomes outcomes = new Outcomes();
        if (known.rolled().isPresent() && !triggers.areInForce(connection, known.sql())) {
            return allFromAltered(connection, known, keys, RollupListener.Fallback.ALTERED);
        }
        Optional<RollupFigureQuery.Answers> answers =
                known.rolled().isPresent() ? known.rolled().get().executeAll(connection, keys) : Optional.empty();
        if (answers.isEmpty()) {
            Outcomes raw = allFromAltered(connection, known, keys, RollupListener.Fallback.FOREIGN);
            refuseAllUnreadable(connection, keys, raw, false);
            return raw;
        }
        if (answers.get().answers().values().stream().anyMatch(answer -> !answer.intact())) {
            return allFromAltered(connection, known, keys, RollupListener.Fallback.ALTERED);
        }
        outcomes.failures().putAll(answers.get().failures());
        List<UsageKey> notCovered = new ArrayList<>();
        answers.get().answers().forEach((key, answer) -> {
            if (answer.totals().isPresent()) {
                outcomes.known().put(key, Outcome.rolled(answer));
            } else {
                notCovered.add(key);
            }
        });
        if (!notCovered.isEmpty()) {
            outcomes.addRaw(known.combined().executeAll(connection, notCovered), RollupListener.Fallback.NOT_COVERING);
        }
        for (UsageKey key : answers.get().doubtful()) {
            outcomes.refuse(key, RetainedDoubt.ofLive(connection, known.sql(), key));
        }
        return outcomes;
    }

    private Outcomes allFromAltered(
            Connection connection, Queries known, List<UsageKey> keys, RollupListener.Fallback why)
            throws SQLException {
        Outcomes outcomes = new Outcomes();
        outcomes.addRaw(combinedAsNow(connection, known).executeAll(connection, keys), why);
        for (UsageKey key : keys) {
            outcomes.refuse(key, RetainedDoubt.of(connection, known.sql(), key));
        }
        return outcomes;
    }

    private Outcomes allFromRawRows(
            Connection connection, CombinedQuery combined, List<UsageKey> keys, RollupListener.Fallback why)
            throws SQLException {
        Outcomes outcomes = new Outcomes();
        outcomes.addRaw(combined.executeAll(connection, keys), why);
        refuseAllUnreadable(connection, keys, outcomes, RollupCatalog.holdsRetained(connection, settings.schema()));
        return outcomes;
    }

    private Outcome compute(UsageKey key, Duration timeout) throws SQLException {
        return inTransaction(
                Jdbc.Mode.READ_ONLY_LOOK_UPS,
                timeout,
                queries != null,
                connection -> fromRollups(connection, key),
                (connection, why) -> fromRawRows(connection, combined(connection), key, why));
    }

    /** A computation from raw rows. */
    @FunctionalInterface
    private interface RawRows<T> {
        T compute(Connection connection, RollupListener.Fallback why) throws SQLException;
    }

    /**
     * Computes from roll-ups first. An error ends its transaction, so the fallback runs in one of its own: the roll-ups have been
     * removed, or replaced by those of another version, or this role can't read them.
     *
     * @param mode of the computation from roll-ups
     * @param lookedUpBefore whether the tables were looked up by an earlier computation, and may have changed since
     */
    private <T> T inTransaction(
            Jdbc.Mode mode, Duration timeout, boolean lookedUpBefore, Jdbc.Work<T> fromRollups, RawRows<T> fromRawRows)
            throws SQLException {
        long start = System.nanoTime();
        try {
            return jdbc.transaction(mode, timeout, fromRollups);
        } catch (SQLException e) {
            if (lookedUpBefore && SqlErrors.mayMeanChangedShape(e)) {
                // The tables have changed since they were looked up: that error isn't one of the settings.
                queries = null;
                return inTransaction(mode, SqlErrors.leftOf(timeout, start), false, fromRollups, fromRawRows);
            }
            boolean isUnreadable = SqlErrors.isUnreadable(e);
            // A project id that was given another type can't be compared with those of the roll-ups.
            if (!isUnreadable && !SqlErrors.meansChangedShape(e)) {
                throw e;
            }
            RollupListener.Fallback why =
                    isUnreadable ? RollupListener.Fallback.ABSENT : RollupListener.Fallback.ALTERED;
            queries = null;
            try {
                return jdbc.transaction(
                        Jdbc.Mode.READ_ONLY,
                        SqlErrors.leftOf(timeout, start),
                        connection -> fromRawRows.compute(connection, why));
            } catch (SQLException | RuntimeException again) {
                again.addSuppressed(e);
                throw again;
            }
        }
    }

    /** Returns the combined query over the tables as they are now. */
    private CombinedQuery combined(Connection connection) throws SQLException {
        return CombinedQuery.over(shape(connection), projects);
    }

    /** Returns the statements; empty if there are no roll-ups. */
    private Optional<Queries> queries(Connection connection) throws SQLException {
        Queries known = queries;
        if (known == null) {
            TableShape shape = shape(connection);
            if (!RollupCatalog.isPresent(connection, settings.schema())) {
                return Optional.empty();
            }
            RollupSql sql = settings.sql(shape);
            boolean isCurrent = RollupCatalog.installed(connection, sql)
                    .filter(installed -> installed.isCurrent(sql))
                    .isPresent();
            known = new Queries(
                    sql,
                    isCurrent ? Optional.of(figures(connection, sql)) : Optional.empty(),
                    RollupCatalog.hasOlderRetained(connection, settings.schema())
                            ? sql.combinedWithOlderRetained(projects)
                            : sql.combined(projects));
            // Where the feed is missing, it is looked up again.
            queries = known.rolled()
                            .filter(rolled -> rolled.leavesShipped() == leavesShipped)
                            .isPresent()
                    ? known
                    : null;
        }
        return Optional.of(known);
    }

    private RollupFigureQuery figures(Connection connection, RollupSql sql) throws SQLException {
        return leavesShipped
                ? RollupFigureQuery.leavingShipped(connection, sql, projects)
                : RollupFigureQuery.over(sql, projects);
    }

    /** Returns the combined query over the tables as they are now: their shape may have changed since it was read. */
    private CombinedQuery combinedAsNow(Connection connection, Queries known) throws SQLException {
        queries = null;
        return queries(connection).orElse(known).combined();
    }

    private Outcome fromRollups(Connection connection, UsageKey key) throws SQLException {
        Optional<Queries> present = queries(connection);
        if (present.isEmpty()) {
            return fromRawRows(connection, combined(connection), key, RollupListener.Fallback.ABSENT);
        }
        Queries known = present.get();
        if (known.rolled().isPresent() && !triggers.areInForce(connection, known.sql())) {
            return fromAltered(connection, known, key);
        }
        Instant now = settings.clock().instant();
        Optional<RollupFigureQuery.Answer> answer =
                known.rolled().isPresent() ? known.rolled().get().execute(connection, key, now) : Optional.empty();
        if (answer.isEmpty()) {
            Outcome raw = raw(connection, combinedAsNow(connection, known), key, RollupListener.Fallback.FOREIGN);
            throwIfPresent(RetainedDoubt.unreadable(connection, settings, key, false));
            throwIfPresent(RetainedDoubt.of(connection, known.sql(), key));
            return raw;
        }
        if (!answer.get().intact()) {
            return fromAltered(connection, known, key);
        }
        RollupFigureQuery.Answer found = answer.get();
        Outcome outcome = found.totals().isEmpty()
                ? raw(connection, known.combined(), key, RollupListener.Fallback.NOT_COVERING)
                : Outcome.rolled(found);
        if (found.isDoubtful()) {
            throwIfPresent(RetainedDoubt.ofLive(connection, known.sql(), key));
        }
        return outcome;
    }

    /** Computes from raw rows with retained sums, unless those may not fit the tables any more. */
    private Outcome fromAltered(Connection connection, Queries known, UsageKey key) throws SQLException {
        Outcome raw = raw(connection, combinedAsNow(connection, known), key, RollupListener.Fallback.ALTERED);
        throwIfPresent(RetainedDoubt.of(connection, known.sql(), key));
        return raw;
    }

    private static void throwIfPresent(Optional<UsageCalculationException> reason) {
        if (reason.isPresent()) {
            throw reason.get();
        }
    }

    /**
     * Computes from raw rows, without retained sums. Whether there are retained sums is checked after the figure is read: those of
     * rows that its snapshot lacks are committed by then.
     */
    private Outcome fromRawRows(
            Connection connection, CombinedQuery combined, UsageKey key, RollupListener.Fallback why)
            throws SQLException {
        Outcome raw = raw(connection, combined, key, why);
        throwIfPresent(RetainedDoubt.unreadable(
                connection, settings, key, RollupCatalog.holdsRetained(connection, settings.schema())));
        return raw;
    }

    /** Computes by the combined query, which is planned for its values: its statement reads as many rows as there are in the window. */
    private static Outcome raw(Connection connection, CombinedQuery combined, UsageKey key, RollupListener.Fallback why)
            throws SQLException {
        Jdbc.planForValues(connection);
        return Outcome.raw(combined.execute(connection, key), why);
    }

    private void refuseAllUnreadable(
            Connection connection, List<UsageKey> keys, Outcomes outcomes, boolean holdsUnreadable)
            throws SQLException {
        for (UsageKey key : keys) {
            Optional<UsageCalculationException> unreadable =
                    RetainedDoubt.unreadable(connection, settings, key, holdsUnreadable);
            if (unreadable.isEmpty()) {
                return; // nor is that of another key
            }
            outcomes.refuse(key, unreadable);
        }
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
