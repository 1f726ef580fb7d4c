package io.usagekit.postgres.partitions;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Map;
import java.util.Optional;

/** What stands in the table of states. */
record RewriteState(
        Optional<PartitionInterval> step,
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
    Optional<PartitionInterval> targetStep() {
        return target.filter(name -> !name.equals(PLAIN)).map(PartitionInterval::valueOf);
    }

    /** What is known of a table; empty if nothing is. */
    static Optional<RewriteState> read(Connection connection, RewriteSql sql) throws SQLException {
        if (!RewriteSql.exists(connection, sql.partitions() + ".state")) {
            return Optional.empty();
        }
        try (PreparedStatement statement = sql.statement("rebuild-state.sql")
                        .prepare(connection, Map.of("role", sql.role().key()));
                ResultSet row = statement.executeQuery()) {
            if (!row.next()) {
                return Optional.empty();
            }
            return Optional.of(new RewriteState(
                    Optional.ofNullable(row.getString("step")).map(PartitionInterval::valueOf),
                    Optional.ofNullable(row.getString("target")),
                    String.valueOf(row.getString("phase")),
                    row.getLong("total"),
                    row.getLong("copied"),
                    Optional.ofNullable(row.getString("swapped_at"))));
        }
    }
}
