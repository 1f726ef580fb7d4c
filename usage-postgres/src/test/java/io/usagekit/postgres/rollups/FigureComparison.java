package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import javax.sql.DataSource;

/** Reads a figure from roll-ups and by the combined query, in one snapshot. */
public final class FigureComparison {

    /** Both figures, and how many hours were live or marked in the one from roll-ups. */
    public record Pair(CombinedQuery.Totals rolled, CombinedQuery.Totals raw, long liveHours, long markedHours) {

        public boolean isEqual() {
            return rolled.equals(raw);
        }
    }

    private final DataSource dataSource;
    private final RollupFigureQuery rolled;
    private final RollupFigureQuery limited;
    private final CombinedQuery combined;
    private final CombinedQuery combinedAndRetained;

    public FigureComparison(
            DataSource dataSource, PostgresRollups rollups, TableMapping mapping, ProjectScope projects) {
        this.dataSource = dataSource;
        try (Connection connection = dataSource.getConnection()) {
            TableShape shape = TableShape.read(connection, mapping);
            RollupSql sql = RollupSql.over(shape, rollups.schema());
            limited = RollupFigureQuery.over(sql, projects);
            rolled = limited.always();
            combined = CombinedQuery.over(shape, projects);
            combinedAndRetained = sql.combined(projects);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    public FigureComparison(DataSource dataSource, PostgresRollups rollups, TableMapping mapping) {
        this(dataSource, rollups, mapping, ProjectScope.ALIVE);
    }

    /**
     * Reads both figures in a transaction of their own.
     *
     * @throws AssertionError if roll-ups have another figure where the window is taken for one that isn't over
     */
    public Pair compare(UsageKey key) {
        return inOneSnapshot(connection -> {
            Pair pair = compare(connection, key);
            Jdbc.execute(connection, "set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off");
            RollupFigureQuery.Answer open =
                    rolled.execute(connection, key, Instant.MIN).orElseThrow();
            assertThat(new Pair(open.totals().orElseThrow(), pair.raw(), open.liveHours(), open.markedHours()))
                    .as("%s of roll-ups, read as a window that isn't over", key)
                    .isEqualTo(pair);
            return pair;
        });
    }

    /**
     * Reads figures by the statements for many requests, and each by itself, in one snapshot.
     *
     * @throws AssertionError if they differ
     */
    public void assertBulkEqualsSingle(List<UsageKey> keys, String when) {
        inOneSnapshot(connection -> {
            for (RollupFigureQuery query : List.of(rolled, limited)) {
                RollupFigureQuery.Answers all =
                        query.executeAll(connection, keys).orElseThrow();
                assertThat(all.answers().size() + all.failures().size())
                        .as(when)
                        .isEqualTo(keys.size());
                for (UsageKey key : keys) {
                    Object alone = outcome(() -> query.execute(connection, key).orElseThrow());
                    Object together = all.answers().containsKey(key)
                            ? Objects.requireNonNull(all.answers().get(key))
                            : String.valueOf(all.failures().get(key));
                    assertThat(together).as("%s of roll-ups, %s", key, when).isEqualTo(alone);
                }
            }
            for (CombinedQuery query : List.of(combined, combinedAndRetained)) {
                CombinedQuery.Figures all = query.executeAll(connection, keys);
                for (UsageKey key : keys) {
                    Object alone = outcome(() -> query.execute(connection, key));
                    Object together = all.totals().containsKey(key)
                            ? Objects.requireNonNull(all.totals().get(key))
                            : String.valueOf(all.failures().get(key));
                    assertThat(together).as("%s of raw rows, %s", key, when).isEqualTo(alone);
                }
            }
            return keys;
        });
    }

    @FunctionalInterface
    private interface Read {
        Object read() throws SQLException;
    }

    /** What was read, or, as a text, why there is no figure. */
    private static Object outcome(Read read) throws SQLException {
        try {
            return read.read();
        } catch (UsageException e) {
            return String.valueOf(e);
        }
    }

    private <T> T inOneSnapshot(Jdbc.Work<T> work) {
        try (Connection connection = dataSource.getConnection()) {
            connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            connection.setAutoCommit(false);
            try {
                Jdbc.execute(connection, "set local timezone = 'UTC'");
                return work.run(connection);
            } finally {
                connection.rollback();
                connection.setAutoCommit(true);
                connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    /** Reads both figures in the snapshot of this connection's transaction. */
    public Pair compare(Connection connection, UsageKey key) throws SQLException {
        Optional<RollupFigureQuery.Answer> answer = rolled.execute(connection, key);
        CombinedQuery.Totals raw = combined.execute(connection, key);
        return new Pair(
                answer.orElseThrow().totals().orElseThrow(),
                raw,
                answer.get().liveHours(),
                answer.get().markedHours());
    }
}
