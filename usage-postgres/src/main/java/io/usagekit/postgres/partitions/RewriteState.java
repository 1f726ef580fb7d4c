package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.SqlRow;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;

/**
 * The stored state of a table that is partitioned or being rewritten.
 *
 * @param interval by which it is partitioned; empty if it is plain
 * @param target what it is being rewritten into: an interval or {@link #PLAIN}; empty if no rewrite is under way
 * @param total rows to backfill, as estimated
 * @param copied rows that are backfilled
 * @param swappedAt the transaction of the cut-over
 */
record RewriteState(
        Optional<PartitionInterval> interval,
        Optional<String> target,
        String phase,
        long total,
        long copied,
        Optional<String> swappedAt) {

    /** The target of a rewrite that makes a table plain. */
    static final String PLAIN = "PLAIN";

    static final String COPYING = "COPYING";
    static final String CATCHING_UP = "CATCHING_UP";
    static final String FINISHING = "FINISHING";

    boolean isUnderWay() {
        return target.isPresent();
    }

    /** The interval by which the rewrite partitions the table; empty if it makes it plain. */
    Optional<PartitionInterval> targetInterval() {
        return target.filter(name -> !name.equals(PLAIN)).map(PartitionInterval::valueOf);
    }

    /** Reads the state of a table; empty if it was never rewritten. */
    static Optional<RewriteState> read(Connection connection, RewriteSql sql) throws SQLException {
        if (!sql.exists(connection, sql.stateSchema() + ".state")) {
            return Optional.empty();
        }
        return sql.call(connection, "find-state").text("role", sql.role().key()).first(RewriteState::of);
    }

    private static RewriteState of(SqlRow row) throws SQLException {
        return new RewriteState(
                row.optionalText("step").map(PartitionInterval::valueOf),
                row.optionalText("target"),
                row.optionalText("phase").orElse(""),
                row.number("total"),
                row.number("copied"),
                row.optionalText("swapped_at"));
    }
}
