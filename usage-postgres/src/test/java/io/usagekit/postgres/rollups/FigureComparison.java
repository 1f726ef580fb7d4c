package io.usagekit.postgres.rollups;

import io.usagekit.UsageKey;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.SQLException;
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
    private final CombinedQuery combined;

    public FigureComparison(
            DataSource dataSource, PostgresRollups rollups, TableMapping mapping, ProjectScope projects) {
        this.dataSource = dataSource;
        try (Connection connection = dataSource.getConnection()) {
            TableShape shape = TableShape.read(connection, mapping);
            rolled = RollupFigureQuery.over(RollupSql.over(mapping, shape, rollups.schema()), projects)
                    .always();
            combined = CombinedQuery.over(mapping, shape, projects);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    public FigureComparison(DataSource dataSource, PostgresRollups rollups, TableMapping mapping) {
        this(dataSource, rollups, mapping, ProjectScope.ALIVE);
    }

    /** Reads both figures in a transaction of their own. */
    public Pair compare(UsageKey key) {
        try (Connection connection = dataSource.getConnection()) {
            connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            connection.setAutoCommit(false);
            try {
                return compare(connection, key);
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
