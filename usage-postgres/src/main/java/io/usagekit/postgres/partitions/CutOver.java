package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Index;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.PartitionGuard;
import io.usagekit.postgres.internal.SqlCall;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/**
 * Replaces the table with its shadow table, in one transaction that is cancelled and tried again later where other sessions block it.
 * Not thread-safe.
 *
 * <ol>
 *   <li>A SHARE ROW EXCLUSIVE lock blocks writers; readers continue.
 *   <li>Another transaction applies the rest of the change log and commits: from here on the shadow table is complete.
 *   <li>Transactions end that took their snapshot before that. Readers that start now see the complete shadow table.
 *   <li>Once no reader is left, an ACCESS EXCLUSIVE lock blocks readers as well, the tables are renamed, and what belongs to the table
 *       is moved to its successor.
 * </ol>
 *
 * <p>Writers that are blocked took a snapshot before they queued for the lock. In READ COMMITTED they take another one; those in
 * REPEATABLE READ or SERIALIZABLE would miss rows, and fail with 40001. The attempt is cancelled at once if a blocked writer holds a
 * lock that the last step needs, and otherwise within {@link LockRetrier.Pace#lockTimeout()}.
 *
 * <p>Queueing for the lock against readers while holding the one against writers would harm them: a transaction that has read the table
 * and then writes to it would complete a deadlock, and PostgreSQL ends the transaction that comes last. Therefore the first attempts
 * check again and again which readers hold locks, and acquire the lock when there is none ({@link LockStrategy#WHEN_FREE}). If there
 * always is one, only queueing makes progress ({@link LockStrategy#QUEUE}).
 */
final class CutOver {

    /** How the ACCESS EXCLUSIVE lock is acquired. */
    enum LockStrategy {
        /** In a moment in which no other session holds a conflicting lock. */
        WHEN_FREE,
        /** By queueing behind the sessions that hold conflicting locks. */
        QUEUE
    }

    /** Applies the rest of the change log while writers are blocked. */
    @FunctionalInterface
    interface LastCatchUp {
        /** Returns the transaction after which the shadow table is complete; empty if the change log is too long. */
        Optional<String> run(Duration timeout) throws SQLException;
    }

    private static final long POLL_NANOS = 2_000_000;

    private final RewriteSql sql;
    private final PartitionSettings settings;
    private final LockRetrier locks;
    private final LastCatchUp lastCatchUp;
    private Duration locked = Duration.ZERO;

    CutOver(RewriteSql sql, PartitionSettings settings, LockRetrier locks, LastCatchUp lastCatchUp) {
        this.sql = sql;
        this.settings = settings;
        this.locks = locks;
        this.lastCatchUp = lastCatchUp;
    }

    /** How long the table was locked in the attempt that succeeded. */
    Duration locked() {
        return locked;
    }

    /** Other sessions block the cut-over; rolls the attempt back. */
    private static final class BlockedException extends RuntimeException {
        private static final long serialVersionUID = 1;

        private final transient List<String> blockers;

        BlockedException(List<String> blockers) {
            super(null, null, false, false);
            this.blockers = blockers;
        }
    }

    /** Tries the cut-over once; returns what blocked it, or an empty list if the shadow table is the table now. */
    List<String> attempt(Optional<PartitionInterval> target, LockStrategy strategy) throws SQLException {
        long began = System.nanoTime();
        try {
            locks.once(connection -> {
                run(
                        connection,
                        target,
                        strategy,
                        began + locks.pace().lockTimeout().toNanos());
                return sql;
            });
            locked = Duration.ofNanos(System.nanoTime() - began);
            return List.of();
        } catch (BlockedException e) {
            return e.blockers;
        } catch (SQLTimeoutException e) {
            return List.of("other users of the pool's connections (" + e.getMessage() + ")");
        } catch (SQLException e) {
            if (!LockRetrier.isBusy(e)) {
                throw e;
            }
            return List.of("locks of other sessions (" + e.getMessage() + ")");
        }
    }

    private void run(Connection connection, Optional<PartitionInterval> target, LockStrategy strategy, long deadline)
            throws SQLException {
        RelatedTables related = relatedTables(connection);
        LockRetrier.lock(connection, sql.table(), "share row exclusive", left(deadline));
        reached(RewriteProbe.Point.WRITERS_LOCKED);
        String complete = lastCatchUp
                .run(left(deadline))
                .orElseThrow(() -> new BlockedException(List.of("a change log that grew too fast")));
        reached(RewriteProbe.Point.CHANGE_LOG_EMPTIED);
        awaitSnapshots(connection, complete, related, deadline);
        reached(RewriteProbe.Point.SNAPSHOTS_ENDED);
        if (strategy == LockStrategy.WHEN_FREE) {
            lockWhenFree(connection, related, deadline);
        } else {
            for (Map.Entry<String, String> lock : related.modes(sql).entrySet()) {
                LockRetrier.lock(connection, lock.getKey(), lock.getValue(), left(deadline));
            }
        }
        replaceTable(connection, target, complete);
        reached(RewriteProbe.Point.CUT_OVER_UNCOMMITTED);
    }

    private void reached(RewriteProbe.Point point) {
        settings.probe().reached(point);
    }

    /** Other tables that are locked: those whose triggers change, and those that new foreign keys refer to. */
    private record RelatedTables(List<String> referring, List<String> referred) {

        /** The lock modes by the tables, the strongest locks first. */
        Map<String, String> modes(RewriteSql sql) {
            Map<String, String> modes = new LinkedHashMap<>();
            List<String> all = new ArrayList<>(List.of(sql.table()));
            all.addAll(referring);
            modes.put(String.join(", ", all), "access exclusive");
            if (!referred.isEmpty()) {
                modes.put(String.join(", ", referred), "share row exclusive");
            }
            return modes;
        }
    }

    private RelatedTables relatedTables(Connection connection) throws SQLException {
        RelatedTables related = new RelatedTables(new ArrayList<>(), new ArrayList<>());
        sql.call(connection, "list-related-tables")
                .text("table", sql.table())
                .text("role", sql.role().key())
                .forEach(row -> (row.flag("refers") ? related.referring() : related.referred()).add(row.text("name")));
        return related;
    }

    private static Duration left(long deadline) {
        return Duration.ofNanos(deadline - System.nanoTime());
    }

    private void awaitSnapshots(Connection connection, String complete, RelatedTables related, long deadline)
            throws SQLException {
        Map<String, String> first = SnapshotWait.olderThan(connection, sql, complete);
        Map<String, String> remaining = new LinkedHashMap<>(first);
        while (true) {
            checkBlockedWriters(connection, related);
            if (remaining.isEmpty()) {
                return;
            }
            if (System.nanoTime() > deadline) {
                throw new BlockedException(List.copyOf(remaining.values()));
            }
            LockSupport.parkNanos(POLL_NANOS);
            remaining = SnapshotWait.olderThan(connection, sql, complete);
            remaining.keySet().retainAll(first.keySet());
        }
    }

    private void checkBlockedWriters(Connection connection, RelatedTables related) throws SQLException {
        List<String> blocked = sessions(connection, "list-blocked-writers", related);
        if (!blocked.isEmpty()) {
            throw new BlockedException(blocked);
        }
    }

    private List<String> sessions(Connection connection, String statement, RelatedTables related) throws SQLException {
        return sql.call(connection, statement)
                .text("table", sql.table())
                .texts("referring", related.referring())
                .texts("referred", related.referred())
                .list(row -> row.text("name"));
    }

    private void lockWhenFree(Connection connection, RelatedTables related, long deadline) throws SQLException {
        while (true) {
            List<String> holders = sessions(connection, "list-lock-holders", related);
            if (holders.isEmpty() && locks.lockedAtOnce(connection, related.modes(sql))) {
                return;
            }
            checkBlockedWriters(connection, related);
            if (System.nanoTime() > deadline) {
                throw new BlockedException(holders.isEmpty() ? List.of("readers that overlap each other") : holders);
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    private void replaceTable(Connection connection, Optional<PartitionInterval> target, String complete)
            throws SQLException {
        PartitionGuard rollups = settings.rollups().partitionGuard();
        boolean wereIntact = rollups.isIntact(connection, sql.role().key());
        RewriteObstacles.check(connection, sql, target);
        checkSameDefinition(connection);
        List<TableDefinition.Index> indexes = TableDefinition.indexes(connection, sql);
        checkIndexes(connection, indexes);

        RewriteForeignKeys foreignKeys = new RewriteForeignKeys(sql, target);
        foreignKeys.drop(connection);
        List<String> triggers = sql.call(connection, "list-triggers")
                .text("table", sql.table())
                .text("partitions", sql.stateSchema())
                .list(row -> row.text("statement"));
        List<String> grants = sql.call(connection, "list-grants")
                .text("table", sql.table())
                .text("shadow", sql.shadow())
                .list(row -> row.text("statement"));
        List<String> comments = sql.call(connection, "list-comments")
                .text("table", sql.table())
                .text("partitions", sql.stateSchema())
                .list(row -> row.text("statement"));
        List<ExtendedStatistics> extended = ExtendedStatistics.read(connection, sql);
        executeAll(connection, grants);
        Jdbc.execute(connection, "alter table " + sql.table() + " rename to " + Identifiers.quote(sql.oldName()));
        Jdbc.execute(connection, "alter table " + sql.shadow() + " rename to " + Identifiers.quote(sql.name()));
        renameIndexes(connection, indexes, target);
        moveSequences(connection);
        executeAll(connection, triggers);
        executeAll(connection, comments);
        for (ExtendedStatistics statistics : extended) {
            statistics.rename(connection, sql.table());
        }
        emptyOldTable(connection);
        foreignKeys.create(connection);
        rollups.guardPartitions(connection);
        if (wereIntact) {
            rollups.record(connection, sql.role().key());
        }
        sql.runScript(connection, "check-snapshots", Map.of("swapped_at", Identifiers.literal(complete)));
        long updated = sql.call(connection, "save-cut-over")
                .text("role", sql.role().key())
                .text("step", target.map(Enum::name).orElse(""))
                .text("swapped_at", complete)
                .update();
        if (updated != 1) {
            throw TableRewrite.continuedElsewhere(sql);
        }
    }

    private static void executeAll(Connection connection, List<String> statements) throws SQLException {
        for (String statement : statements) {
            Jdbc.execute(connection, statement);
        }
    }

    /**
     * Removes the rows of the old table, whose foreign keys would otherwise bind other tables to rows that are no longer maintained.
     * Dropping the foreign keys would take a lock on the other tables that blocks readers.
     */
    private void emptyOldTable(Connection connection) throws SQLException {
        List<String> olds = new ArrayList<>(List.of(sql.old()));
        olds.addAll(PartitionCatalog.leaves(connection, sql, sql.old()));
        for (String old : olds) {
            Jdbc.execute(connection, "alter table " + old + " disable trigger user");
        }
        Jdbc.execute(connection, "truncate " + sql.old());
    }

    private void checkSameDefinition(Connection connection) throws SQLException {
        List<String> differences = sql.call(connection, "list-differences")
                .text("table", sql.table())
                .text("shadow", sql.shadow())
                .list(row -> row.text("difference"));
        if (!differences.isEmpty()) {
            throw TableDefinition.refused(
                    sql,
                    "it was altered during the rewrite (" + String.join(", ", differences)
                            + "); undo the rewrite with the reverse call, then start again");
        }
    }

    /** An index that was created after those of the shadow table is built there before the next attempt. */
    private void checkIndexes(Connection connection, List<TableDefinition.Index> indexes) throws SQLException {
        for (TableDefinition.Index index : indexes) {
            if (!sql.exists(connection, Identifiers.qualified(sql.schema(), index.newName()))) {
                throw new BlockedException(List.of("the new index " + index.name()));
            }
        }
    }

    private void renameIndexes(
            Connection connection, List<TableDefinition.Index> indexes, Optional<PartitionInterval> target)
            throws SQLException {
        sql.call(connection, "delete-widened-indexes")
                .text("role", sql.role().key())
                .execute();
        for (TableDefinition.Index index : indexes) {
            String schema = Identifiers.quote(sql.schema()) + ".";
            Jdbc.execute(connection, "alter index " + schema + index.name() + " rename to " + index.oldName());
            Jdbc.execute(connection, "alter index " + schema + index.newName() + " rename to " + index.name());
            if (index.isWidenedIn(target)) {
                sql.call(connection, "insert-widened-index")
                        .text("role", sql.role().key())
                        .text("index", schema + index.name())
                        .execute();
            }
        }
    }

    /** Sequences of identity columns take the value and the name of the old ones; others change their owner. */
    private void moveSequences(Connection connection) throws SQLException {
        Map<String, Sequence> olds = sequences(connection, sql.old());
        Map<String, Sequence> news = sequences(connection, sql.table());
        int number = 0;
        for (Map.Entry<String, Sequence> entry : olds.entrySet()) {
            Sequence old = entry.getValue();
            Sequence own = news.get(entry.getKey());
            if (!old.isIdentity()) {
                Jdbc.execute(
                        connection,
                        "alter sequence " + old.qualified() + " owned by " + sql.table() + "." + entry.getKey());
            } else if (own != null) {
                Jdbc.execute(
                        connection,
                        "select setval(" + Identifiers.literal(own.qualified())
                                + "::regclass, last_value, is_called) from " + old.qualified());
                List<String> grants = sql.call(connection, "list-sequence-grants")
                        .text("from", old.qualified())
                        .text("to", own.qualified())
                        .list(row -> row.text("statement"));
                executeAll(connection, grants);
                String aside = Identifiers.quote(Index.named(sql.oldName(), "_" + number++ + "_seq"));
                Jdbc.execute(connection, "alter sequence " + old.qualified() + " rename to " + aside);
                Jdbc.execute(connection, "alter sequence " + own.qualified() + " rename to " + old.name());
            }
        }
    }

    /** A sequence; names are quoted. */
    private record Sequence(String schema, String name, boolean isIdentity) {
        String qualified() {
            return schema + "." + name;
        }
    }

    /** The sequences of a table by their columns, quoted. */
    private Map<String, Sequence> sequences(Connection connection, String table) throws SQLException {
        Map<String, Sequence> sequences = new HashMap<>();
        SqlCall call = sql.call(connection, "list-sequences").text("table", table);
        call.forEach(row -> sequences.put(
                row.text("column"), new Sequence(row.text("schema"), row.text("name"), row.flag("is_identity"))));
        return sequences;
    }
}
