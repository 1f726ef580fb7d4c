package io.usagekit.postgres.partitions;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Jdbc;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Finds what prevents rewrites before anything is changed. Not thread-safe. */
final class RewriteObstacles {

    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    /** What prevents a rewrite; without a remedy it is to be dropped and created again afterwards. */
    private record Obstacle(String what, Optional<String> remedy) {}

    private final Jdbc jdbc;
    private final Optional<PartitionInterval> target;
    private final Instant now;
    private final List<String> refusals = new ArrayList<>();

    RewriteObstacles(Jdbc jdbc, Optional<PartitionInterval> target, Instant now) {
        this.jdbc = jdbc;
        this.target = target;
        this.now = now;
    }

    /** Looks for everything that prevents the rewrite of a table, unless it has its target shape. */
    void look(RewriteSql sql, ShadowTable shadow) throws SQLException {
        if (!jdbc.transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, connection -> sql.exists(connection, sql.table()))) {
            refusals.add(TableDefinition.cannotRewrite(sql, "no such table exists"));
            return;
        }
        if (jdbc.transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, connection -> isToRewrite(connection, sql, shadow))) {
            Optional<String> refusal =
                    jdbc.transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, connection -> refusal(connection, sql));
            if (refusal.isEmpty() && target.isPresent()) {
                refusal = shadow.tooManyPartitions(target.get(), now);
            }
            refusal.map(reason -> TableDefinition.cannotRewrite(sql, reason)).ifPresent(refusals::add);
        }
    }

    /**
     * Reports all that was found, in one message.
     *
     * @throws UsageStorageException if something was
     */
    void throwIfAny() {
        if (!refusals.isEmpty()) {
            throw new UsageStorageException(String.join("; ", refusals) + "; nothing has been changed", null);
        }
    }

    private boolean isToRewrite(Connection connection, RewriteSql sql, ShadowTable shadow) throws SQLException {
        Optional<RewriteState> state = RewriteState.read(connection, sql);
        if (state.filter(RewriteState::isUnderWay)
                .filter(rewrite -> !rewrite.phase().equals(RewriteState.FINISHING))
                .filter(rewrite -> rewrite.targetInterval().equals(target))
                .isPresent()) {
            return true;
        }
        if (!state.flatMap(RewriteState::interval).equals(target)) {
            return true;
        }
        return target.isPresent() ? shadow.isWorthwhile(connection, target, now) : hasPartitions(connection, sql);
    }

    private Optional<String> refusal(Connection connection, RewriteSql sql) throws SQLException {
        List<String> reasons = new ArrayList<>();
        Optional<RewriteState> state = RewriteState.read(connection, sql);
        if (state.filter(RewriteState::isUnderWay).isEmpty()) {
            for (String name : List.of(sql.shadow(), sql.old())) {
                if (sql.exists(connection, name)) {
                    reasons.add(
                            "the relation " + name + " has a name that the rewrite needs (rename or drop it first)");
                }
            }
        }
        if (state.flatMap(RewriteState::interval).isEmpty() && hasPartitions(connection, sql)) {
            reasons.add(TableDefinition.PARTITIONED_BY_OTHERS);
        }
        refusal(connection, sql, target).ifPresent(reasons::add);
        return reasons.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", reasons));
    }

    private static boolean hasPartitions(Connection connection, RewriteSql sql) throws SQLException {
        return sql.call(connection, "has-partitions").text("table", sql.table()).answer();
    }

    /**
     * Checks that nothing depends on the table that would go on depending on the old one, or has no counterpart.
     *
     * @throws UsageStorageException if something does; it names all of it
     */
    static void check(Connection connection, RewriteSql sql, Optional<PartitionInterval> target) throws SQLException {
        Optional<String> refusal = refusal(connection, sql, target);
        if (refusal.isPresent()) {
            throw TableDefinition.refused(sql, refusal.get());
        }
    }

    /** Everything in the catalog that prevents a rewrite, in words. */
    private static Optional<String> refusal(Connection connection, RewriteSql sql, Optional<PartitionInterval> target)
            throws SQLException {
        List<Obstacle> obstacles = sql.call(connection, "list-obstacles")
                .text("table", sql.table())
                .text("created_at", sql.createdAtName())
                .flag("partition", target.isPresent())
                .list(row -> new Obstacle(row.text("obstacle"), row.optionalText("remedy")));
        List<String> toDrop = new ArrayList<>();
        List<String> reasons = new ArrayList<>();
        for (Obstacle obstacle : obstacles) {
            if (obstacle.remedy().isEmpty()) {
                toDrop.add(obstacle.what());
            } else {
                reasons.add(obstacle.what() + " (" + obstacle.remedy().get() + ")");
            }
        }
        if (!toDrop.isEmpty()) {
            reasons.add(
                    0,
                    "these would not survive it: " + String.join(", ", toDrop)
                            + " (drop them first, and create them again afterwards)");
        }
        return reasons.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", reasons));
    }
}
