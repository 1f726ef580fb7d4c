package io.usagekit.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Map;
import java.util.Optional;

/** What stands in the table of states. */
record RebuildState(
        Optional<PartitionStep> step,
        Optional<String> target,
        String phase,
        long total,
        long copied,
        Optional<String> swappedAt) {

    /** The target of a rebuild that makes a table plain. */
    static final String PLAIN = "PLAIN";

    static final String COPYING = "COPYING";
    static final String CATCHING_UP = "CATCHING_UP";
    static final String FINISHING = "FINISHING";

    boolean isUnderWay() {
        return target.isPresent();
    }

    /** None: the rebuild makes it plain. */
    Optional<PartitionStep> targetStep() {
        return target.filter(name -> !name.equals(PLAIN)).map(PartitionStep::valueOf);
    }

    /** What is known of a table; empty if nothing is. */
    static Optional<RebuildState> read(Connection connection, RebuildSql sql) throws SQLException {
        if (!RebuildSql.exists(connection, sql.partitions() + ".state")) {
            return Optional.empty();
        }
        try (PreparedStatement statement = sql.statement("rebuild-state.sql")
                        .prepare(connection, Map.of("role", sql.role().key()));
                ResultSet row = statement.executeQuery()) {
            if (!row.next()) {
                return Optional.empty();
            }
            return Optional.of(new RebuildState(
                    Optional.ofNullable(row.getString("step")).map(PartitionStep::valueOf),
                    Optional.ofNullable(row.getString("target")),
                    String.valueOf(row.getString("phase")),
                    row.getLong("total"),
                    row.getLong("copied"),
                    Optional.ofNullable(row.getString("swapped_at"))));
        }
    }
}
