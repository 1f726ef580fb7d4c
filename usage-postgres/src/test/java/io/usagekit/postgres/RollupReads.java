package io.usagekit.postgres;

import io.usagekit.UsageKey;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import javax.sql.DataSource;

/** Figures from roll-ups beside those of the combined query, in one snapshot. */
final class RollupReads {

    /** Both figures, and how many hours were live or marked in the one from roll-ups. */
    record Pair(CombinedQuery.Totals rolled, CombinedQuery.Totals raw, long liveHours, long markedHours) {

        boolean isEqual() {
            return rolled.equals(raw);
        }
    }

    private final DataSource dataSource;
    private final RollupQuery rolled;
    private final CombinedQuery combined;

    RollupReads(DataSource dataSource, PostgresRollups rollups, TableMapping mapping, PostgresUsage.Projects projects) {
        this.dataSource = dataSource;
        try (Connection connection = dataSource.getConnection()) {
            TableShape shape = TableShape.read(connection, mapping);
            rolled = RollupQuery.over(RollupSql.over(mapping, shape, rollups.schema()), projects)
                    .always();
            combined = CombinedQuery.over(mapping, shape, projects);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    RollupReads(DataSource dataSource, PostgresRollups rollups, TableMapping mapping) {
        this(dataSource, rollups, mapping, PostgresUsage.Projects.ALIVE);
    }

    /** In a transaction of their own. */
    Pair compare(UsageKey key) {
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

    /** In the snapshot of this connection's transaction. */
    Pair compare(Connection connection, UsageKey key) throws SQLException {
        Optional<RollupQuery.Answer> answer = rolled.execute(connection, key);
        CombinedQuery.Totals raw = combined.execute(connection, key);
        return new Pair(
                answer.orElseThrow().totals().orElseThrow(),
                raw,
                answer.get().liveHours(),
                answer.get().markedHours());
    }
}
