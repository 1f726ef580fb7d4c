package io.usagekit.postgres.internal;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.ids.CanonicalIds;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Computes figures by the combined query. */
public final class CombinedQueryCalculator implements UsageCalculator {

    /** What a calculator computes figures of. */
    public record Settings(DataSource dataSource, TableMapping mapping, ProjectScope projects, InstantSource clock) {}

    private final Settings settings;
    private final Jdbc jdbc;
    private final CanonicalIds ids = new CanonicalIds();

    /** Built at the first computation, when the tables are looked up; null before, and again when they have changed. */
    private volatile @Nullable CombinedQuery query;

    /** Whether indexes that are missing have been logged. */
    private final AtomicBoolean warned = new AtomicBoolean();

    /** A calculator, which connects to nothing yet. */
    public CombinedQueryCalculator(Settings settings) {
        this.settings = settings;
        this.jdbc = new Jdbc(settings.dataSource());
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        SqlErrors.checkTimeout(timeout);
        Instant now = settings.clock().instant();
        try {
            return run(timeout, connection -> figure(connection, key)).of(key, now);
        } catch (SQLException e) {
            if (SqlErrors.meansChangedShape(e)) {
                query = null;
            }
            throw SqlErrors.explain(key, timeout, e);
        }
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
            run(timeout, this::learnIds);
        } catch (SQLException e) {
            throw SqlErrors.calculationFailure("the type of the column of organisations' ids can't be read", e);
        }
    }

    /** Reads the type of one column from the catalog, which waits for no lock of a table. */
    private TableMapping learnIds(Connection connection) throws SQLException {
        ids.columnIs(TableShape.organisationIdType(connection, settings.mapping()));
        return settings.mapping();
    }

    /** Runs once more if the tables have changed since they were looked up: that error isn't one of the settings. */
    private <T> T run(Duration timeout, Jdbc.Work<T> work) throws SQLException {
        long start = System.nanoTime();
        CombinedQuery before = query;
        try {
            return jdbc.transaction(Jdbc.Mode.READ_ONLY, timeout, work);
        } catch (SQLException e) {
            if (before == null
                    || !SqlErrors.mayMeanChangedShape(e)
                    || timeout.minusNanos(System.nanoTime() - start).toMillis() < 1) {
                throw e;
            }
            if (!SqlErrors.meansChangedShape(e) && isOverTablesOfNow(before, leftOf(timeout, start))) {
                throw e;
            }
            query = null;
            return jdbc.transaction(Jdbc.Mode.READ_ONLY, leftOf(timeout, start), work);
        }
    }

    private static Duration leftOf(Duration timeout, long start) {
        Duration left = timeout.minusNanos(System.nanoTime() - start);
        return left.toMillis() < 1 ? Duration.ofMillis(1) : left;
    }

    private boolean isOverTablesOfNow(CombinedQuery before, Duration timeout) throws SQLException {
        TableShape now = jdbc.transaction(
                Jdbc.Mode.READ_ONLY, timeout, connection -> TableShape.read(connection, settings.mapping()));
        return before.isOver(now);
    }

    @Override
    public int maxBatch() {
        return FigureBatch.MAX;
    }

    @Override
    public Figures calculateAll(Collection<UsageKey> keys, Duration timeout) {
        return FigureBatch.compute(keys, timeout, settings.clock().instant(), this::computeAll);
    }

    private CombinedQuery.Figures computeAll(List<UsageKey> keys, Duration timeout) throws SQLException {
        try {
            return run(timeout, connection -> figures(connection, keys));
        } catch (SQLException e) {
            if (SqlErrors.meansChangedShape(e)) {
                query = null;
            }
            throw e;
        }
    }

    /** Computes once more over the tables as they are now if there is no figure: a stored size may have lost NOT NULL since. */
    private CombinedQuery.Totals figure(Connection connection, UsageKey key) throws SQLException {
        boolean lookedUpBefore = query != null;
        try {
            return query(connection).execute(connection, key);
        } catch (UsageCalculationException e) {
            if (!lookedUpBefore) {
                throw e;
            }
            query = null;
            return query(connection).execute(connection, key);
        }
    }

    private CombinedQuery.Figures figures(Connection connection, List<UsageKey> keys) throws SQLException {
        boolean lookedUpBefore = query != null;
        CombinedQuery.Figures figures = query(connection).executeAll(connection, keys);
        if (!lookedUpBefore || figures.failures().isEmpty()) {
            return figures;
        }
        query = null;
        return query(connection).executeAll(connection, keys);
    }

    private CombinedQuery query(Connection connection) throws SQLException {
        CombinedQuery known = query;
        if (known == null) {
            TableShape shape = TableShape.read(connection, settings.mapping());
            known = CombinedQuery.over(shape, settings.projects());
            learnIds(connection);
            if (warned.compareAndSet(false, true)) {
                IndexBuilder.warnOfMissing(connection, shape.mapping());
            }
            query = known;
        }
        return known;
    }
}
