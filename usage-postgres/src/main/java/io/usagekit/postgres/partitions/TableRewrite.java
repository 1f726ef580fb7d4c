package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.batches.AdaptiveBatchSize;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTimeoutException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Rewrites a table online into another shape. Not thread-safe.
 *
 * <p>Why no row is lost: from before the first row is backfilled each change of a row inserts its key into the change log, in the
 * transaction that changes the row. A catch-up batch reads the change log and the rows that it names in one snapshot; the key of a
 * change that it doesn't see isn't visible to it either, and isn't deleted. Finally writers are blocked until the change log is empty.
 *
 * <p>Why no snapshot sees fewer rows: a row of the shadow table is visible from its backfill on, however old its original. So the shadow
 * table replaces the table only once all transactions have ended that took their snapshot before the last row was copied. See {@link
 * CutOver}.
 */
final class TableRewrite {

    /** For a batch; one that takes longer is tried again at half its size. */
    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    /** For work that takes as long as the table is large and blocks no other session. */
    private static final Duration LONG = Duration.ofDays(1);

    /** The time that a batch is sized to take. */
    private static final Duration BATCH_TIME = Duration.ofSeconds(1);

    /** How many changes may be left in the change log when a cut-over is tried; it may find twice as many. */
    private static final long MAX_CHANGES_LEFT = 200;

    private final PartitionSettings settings;
    private final Jdbc jdbc;
    private final RewriteSql sql;
    private final LockRetrier locks;
    private final ShadowTable shadow;
    private final PartitionProgress progress;
    private final AdaptiveBatchSize rowBatch;
    private final AdaptiveBatchSize changeBatch;

    private long copied;
    private long changes;

    TableRewrite(PartitionSettings settings, RewriteSql sql, LockRetrier locks, PartitionProgress progress) {
        this.settings = settings;
        this.jdbc = settings.jdbc();
        this.sql = sql;
        this.locks = locks;
        this.shadow = new ShadowTable(jdbc, sql, locks, settings.ahead());
        this.progress = progress;
        this.rowBatch = new AdaptiveBatchSize(1, settings.firstBatchRows(), settings.maxBatchRows());
        this.changeBatch = new AdaptiveBatchSize(1, settings.firstBatchRows(), settings.maxBatchRows());
    }

    /** Looks for what prevents the rewrite, before anything is changed. */
    void look(RewriteObstacles obstacles) throws SQLException {
        obstacles.look(sql, shadow);
    }

    long copied() {
        return copied;
    }

    long changes() {
        return changes;
    }

    /** The error of a step of a rewrite that isn't in the expected phase. */
    static SQLException continuedElsewhere(RewriteSql sql) {
        return new SQLException("another session continues the rewrite of " + sql.table());
    }

    /**
     * Partitions the table by an interval, or makes it plain. Continues an interrupted rewrite with the same target, and undoes one with
     * another target first.
     */
    void rewriteInto(Optional<PartitionInterval> target, Instant now) throws SQLException {
        Optional<RewriteState> state = state();
        if (state.filter(RewriteState::isUnderWay).isPresent()) {
            describe();
            if (state.get().phase().equals(RewriteState.FINISHING)) {
                finish(state.get());
                state = state();
            } else if (!state.get().targetInterval().equals(target)) {
                locks.run(sql.table(), shadow::drop);
                state = state();
            }
        }
        if (state.filter(RewriteState::isUnderWay).isEmpty()) {
            if (state.flatMap(RewriteState::interval).equals(target)
                    && !read(connection -> shadow.isWorthwhile(connection, target, now))) {
                return;
            }
            shadow.create(target, now);
            reached(RewriteProbe.Point.STARTED);
        }
        RewriteState started = state().orElseThrow();
        progress.backfillStarted(sql.name(), started.total(), started.copied());
        if (started.phase().equals(RewriteState.COPYING)) {
            backfill();
        }
        catchUpAndCutOver(target);
        finish(state().orElseThrow());
    }

    private Optional<RewriteState> state() throws SQLException {
        return read(connection -> RewriteState.read(connection, sql));
    }

    private <T> T read(Jdbc.Work<T> work) throws SQLException {
        return jdbc.transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, work);
    }

    private TableDefinition describe() throws SQLException {
        return read(connection -> TableDefinition.describe(connection, sql));
    }

    private void reached(RewriteProbe.Point point) {
        settings.probe().reached(point);
    }

    /** Runs a batch, again while other sessions hold locks that it waits for: that doesn't change its size. */
    private <T> T run(AdaptiveBatchSize batch, AdaptiveBatchSize.Step<T> step) throws SQLException {
        Jdbc.checkInterrupt("rewriting " + sql.table());
        return locks.repeat(
                sql.table(),
                () -> batch.run(BATCH_TIME, () -> !Thread.currentThread().isInterrupted(), step));
    }

    private <T> T inBatch(Jdbc.Work<T> work) throws SQLException {
        return inSnapshot(TIMEOUT, Jdbc.lockTimeout(TIMEOUT), work);
    }

    /** Runs a transaction whose snapshot is younger than each change of the table itself, such as one that rewrites it. */
    private <T> T inSnapshot(Duration timeout, Duration lockTimeout, Jdbc.Work<T> work) throws SQLException {
        return jdbc.snapshot(Jdbc.Mode.WRITE_SNAPSHOT, timeout, lockTimeout, List.of(sql.table()), work);
    }

    // Backfill.

    private void backfill() throws SQLException {
        describe();
        long rows;
        do {
            rows = run(rowBatch, batch -> inBatch(connection -> copyBatch(connection, batch)));
            reached(RewriteProbe.Point.BATCH_COPIED);
        } while (rows > 0);
    }

    /** The rows that a batch copied, and the last key. */
    private record Copied(long rows, Optional<String> position) {}

    /** Copies a batch; returns how many rows, or 0 if it was the last one. */
    private long copyBatch(Connection connection, AdaptiveBatchSize.Batch batch) throws SQLException {
        Optional<String> position = startStep(connection, RewriteState.COPYING);
        batch.start();
        Copied rows = sql.copyRows(connection, position)
                .number("rows", batch.size())
                .one(row -> new Copied(row.number("rows"), row.optionalText("position")));
        batch.had(rows.rows());
        if (rows.rows() > 0) {
            sql.call(connection, "save-position")
                    .text("role", sql.role().key())
                    .text("position", rows.position().orElseThrow())
                    .number("rows", rows.rows())
                    .execute();
        }
        reached(RewriteProbe.Point.BATCH_COPIED_UNCOMMITTED);
        boolean isLast = rows.rows() < batch.size();
        if (isLast) {
            sql.call(connection, "set-phase")
                    .text("role", sql.role().key())
                    .text("phase", RewriteState.CATCHING_UP)
                    .execute();
        }
        copied += rows.rows();
        progress.rowsCopied(rows.rows());
        return isLast ? 0 : rows.rows();
    }

    /** Starts a step, so that no two of them run at once; returns the last key that is copied. */
    private Optional<String> startStep(Connection connection, String phase) throws SQLException {
        return sql.call(connection, "start-step")
                .text("role", sql.role().key())
                .text("phase", phase)
                .first(row -> row.optionalText("position"))
                .orElseThrow(() -> continuedElsewhere(sql));
    }

    // Catch-up and cut-over.

    private void catchUpAndCutOver(Optional<PartitionInterval> target) throws SQLException {
        describe();
        CutOver cutOver = new CutOver(sql, settings, locks, this::lastCatchUp);
        Duration budget = locks.pace().budget();
        long deadline = System.nanoTime() + budget.toNanos();
        buildIndexes(target);
        reached(RewriteProbe.Point.INDEXED);
        catchUp();
        compare();
        reached(RewriteProbe.Point.COMPARED);
        for (int attempt = 0; ; attempt++) {
            buildIndexes(target);
            catchUp();
            reached(RewriteProbe.Point.CAUGHT_UP);
            List<String> blockers = cutOver.attempt(
                    target,
                    attempt < settings.attemptsBeforeQueueing()
                            ? CutOver.LockStrategy.WHEN_FREE
                            : CutOver.LockStrategy.QUEUE);
            if (blockers.isEmpty()) {
                progress.cutOver(sql.name(), cutOver.locked());
                reached(RewriteProbe.Point.CUT_OVER);
                return;
            }
            progress.waiting(blockers);
            if (System.nanoTime() > deadline) {
                throw new SQLTimeoutException("timed out after " + budget + " waiting for ACCESS EXCLUSIVE on "
                        + sql.table() + ", last blocked by " + String.join(", ", blockers)
                        + "; retry when load is lower, or raise lockBudget");
            }
            locks.pause(sql.table());
        }
    }

    /** Builds the missing indexes of the shadow table, those included that were built on the table meanwhile. */
    private void buildIndexes(Optional<PartitionInterval> target) throws SQLException {
        List<TableDefinition.Index> indexes = read(connection -> TableDefinition.indexes(connection, sql));
        boolean built = false;
        for (TableDefinition.Index index : indexes) {
            String newIndex = Identifiers.qualified(sql.schema(), index.newName());
            if (!read(connection -> sql.exists(connection, newIndex))) {
                progress.indexStarted(index.name());
                executeLong(index.create(sql.shadow(), target));
                built = true;
            }
        }
        if (built) {
            executeLong("analyze " + sql.shadow());
        }
    }

    private void executeLong(String statement) throws SQLException {
        jdbc.transaction(Jdbc.Mode.WRITE, LONG, connection -> {
            Jdbc.execute(connection, statement);
            return statement;
        });
    }

    private void catchUp() throws SQLException {
        long applied;
        do {
            applied = run(changeBatch, this::catchUpBatchOrAll);
        } while (applied > MAX_CHANGES_LEFT);
    }

    /**
     * Applies a batch of changes. If one row gave up a unique value and another one took it, the batch may hold the latter alone; then
     * all changes are applied at once, in whose snapshot the value is unique.
     */
    private long catchUpBatchOrAll(AdaptiveBatchSize.Batch batch) throws SQLException {
        try {
            return catchUpBatch(batch, batch.size());
        } catch (SQLException e) {
            if (!SqlErrors.isUniqueViolation(e)) {
                throw e;
            }
            return catchUpBatch(batch, Long.MAX_VALUE);
        }
    }

    private long catchUpBatch(AdaptiveBatchSize.Batch batch, long size) throws SQLException {
        reached(RewriteProbe.Point.CATCHING_UP);
        long applied = inBatch(connection -> {
            startStep(connection, RewriteState.CATCHING_UP);
            batch.start();
            return applyChanges(connection, size);
        });
        batch.had(applied);
        changes += applied;
        if (applied > 0) {
            progress.changesApplied(applied);
        }
        return applied;
    }

    /** Changes of the change log up to a number. */
    private record Changes(long number, long count) {}

    private long applyChanges(Connection connection, long size) throws SQLException {
        Changes batch = sql.call(connection, "find-changes")
                .number("rows", size)
                .one(row -> new Changes(row.number("number"), row.number("changes")));
        if (batch.count() > 0) {
            apply(connection, "delete-changed-rows", batch);
            apply(connection, "insert-changed-rows", batch);
            reached(RewriteProbe.Point.CHANGES_APPLIED_UNCOMMITTED);
            apply(connection, "delete-changes", batch);
        }
        return batch.count();
    }

    private void apply(Connection connection, String statement, Changes batch) throws SQLException {
        sql.call(connection, statement).number("number", batch.number()).execute();
    }

    /** Finds rows that were changed without the triggers. */
    private void compare() throws SQLException {
        inSnapshot(LONG, Duration.ZERO, connection -> {
            startStep(connection, RewriteState.CATCHING_UP);
            changes += applyChanges(connection, Long.MAX_VALUE);
            sql.call(connection, "compare").forEach(row -> {
                if (!row.flag("same")) {
                    throw TableDefinition.refused(
                            sql,
                            "it has " + row.number("live") + " rows, and its shadow table has " + row.number("copy")
                                    + " or others: a key occurs more than once, or rows were changed while triggers were"
                                    + " disabled; undo the rewrite with the reverse call, then start again");
                }
            });
            return sql;
        });
    }

    /** Applies the rest of the change log while writers are blocked; empty if it is too long. */
    private Optional<String> lastCatchUp(Duration timeout) throws SQLException {
        return inSnapshot(timeout, Duration.ZERO, connection -> {
            startStep(connection, RewriteState.CATCHING_UP);
            long applied = applyChanges(connection, 2 * MAX_CHANGES_LEFT);
            changes += applied;
            if (applied == 2 * MAX_CHANGES_LEFT) {
                return Optional.<String>empty();
            }
            return Optional.of(SnapshotWait.transactionId(connection, sql));
        });
    }

    // After the cut-over.

    private void finish(RewriteState state) throws SQLException {
        describe();
        new RewriteForeignKeys(sql, state.targetInterval()).validate(jdbc, locks, LONG);
        reached(RewriteProbe.Point.VALIDATED);
        String swappedAt = state.swappedAt().orElseThrow();
        SnapshotWait.await(jdbc, sql, locks, progress, swappedAt);
        locks.run(sql.table(), connection -> {
            Jdbc.execute(connection, "drop trigger if exists " + sql.name("trigger.snapshot") + " on " + sql.table());
            return sql;
        });
        reached(RewriteProbe.Point.SNAPSHOT_CHECK_DROPPED);
        locks.run(sql.old(), connection -> {
            Jdbc.execute(connection, "drop table if exists " + sql.old() + ", " + sql.name("change_log"));
            Jdbc.execute(connection, "drop function if exists " + sql.name("log_change") + "() cascade");
            ShadowTable.endRewrite(connection, sql);
            return sql;
        });
        reached(RewriteProbe.Point.OLD_TABLE_DROPPED);
    }
}
