package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.AdaptiveBatchSize;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.rollups.PostgresRollups;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.sql.DataSource;

/**
 * Rebuilds a table into another shape while others use it. Not thread-safe.
 *
 * <p>Why no row is lost: from before the first row is copied each change leaves a note of its key, in the transaction that changes. A
 * batch that catches up takes notes and the rows that they name in one snapshot; a change that it doesn't see has a note that it doesn't
 * see, and doesn't delete. In the end writers wait until no note is left.
 *
 * <p>Why no snapshot sees less: a row of the copy is as old as its copying, however old its original. So the copy takes the table's
 * place only once everybody who began to look before the last row was copied has ended. See {@link CutOver}.
 */
final class TableRewrite {

    private static final String UNIQUE_VIOLATION = "23505";

    /** For a batch; one that takes longer is tried at half its size. */
    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    /** For what takes as long as the table is large and locks nothing that anybody else uses. */
    private static final Duration LONG = Duration.ofDays(1);

    private final DataSource dataSource;
    private final RewriteSql sql;
    private final PostgresRollups rollups;
    private final LockRetrier locks;
    private final RewriteOptions options;
    private final ShadowTable shadow;
    private final PartitionProgress listener;
    private final AdaptiveBatchSize copyRows;
    private final AdaptiveBatchSize notes;

    private long copied;
    private long changes;

    TableRewrite(
            DataSource dataSource,
            RewriteSql sql,
            PostgresRollups rollups,
            LockRetrier locks,
            RewriteOptions options,
            PartitionProgress listener) {
        this.dataSource = dataSource;
        this.sql = sql;
        this.rollups = rollups;
        this.locks = locks;
        this.options = options;
        this.shadow = new ShadowTable(dataSource, sql, locks, options.ahead());
        this.listener = listener;
        this.copyRows = new AdaptiveBatchSize(1, options.rows(), options.mostRows());
        this.notes = new AdaptiveBatchSize(1, options.rows(), options.mostRows());
    }

    long copied() {
        return copied;
    }

    long changes() {
        return changes;
    }

    /**
     * Makes it partitioned by a step, or plain; goes on with what was ended half way, and takes back what was begun in the other
     * direction.
     */
    void into(Optional<PartitionInterval> target, Instant now) throws SQLException {
        Optional<RewriteState> state = read(connection -> RewriteState.read(connection, sql));
        if (state.filter(RewriteState::isUnderWay).isPresent()) {
            describe();
            if (state.get().phase().equals(RewriteState.FINISHING)) {
                finish(state.get());
                state = read(connection -> RewriteState.read(connection, sql));
            } else if (!state.get().targetStep().equals(target)) {
                locks.run(shadow::abandon);
                state = read(connection -> RewriteState.read(connection, sql));
            }
        }
        if (state.filter(RewriteState::isUnderWay).isEmpty()) {
            if (state.flatMap(RewriteState::step).equals(target)
                    && !read(connection -> shadow.isWorthwhile(connection, target, now))) {
                return;
            }
            shadow.begin(target, now);
            options.probe().reached(RewriteOptions.Point.BEGUN);
        }
        RewriteState begun =
                read(connection -> RewriteState.read(connection, sql)).orElseThrow();
        listener.began(sql.name(), begun.total(), begun.copied());
        if (begun.phase().equals(RewriteState.COPYING)) {
            copy();
        }
        takePlace(target);
        finish(read(connection -> RewriteState.read(connection, sql)).orElseThrow());
    }

    private <T> T read(Jdbc.Work<T> work) throws SQLException {
        return Jdbc.run(dataSource, Jdbc.Mode.READ_ONLY, TIMEOUT, work);
    }

    private TableDefinition describe() throws SQLException {
        return read(connection -> TableDefinition.describe(connection, sql));
    }

    // The copy, and notes of what changes.

    private void copy() throws SQLException {
        describe();
        long more;
        do {
            more = copyRows.run(
                    options.budget(),
                    rows -> Jdbc.run(
                            dataSource, Jdbc.Mode.WRITE_SNAPSHOT, TIMEOUT, connection -> copy(connection, rows)));
            options.probe().reached(RewriteOptions.Point.COPIED);
        } while (more > 0);
    }

    /** How many rows it copied; 0 if those were the last. */
    private long copy(Connection connection, long rows) throws SQLException {
        Optional<String> position = step(connection, RewriteState.COPYING);
        Map<String, String> values = position.isPresent()
                ? Map.of("rows", Long.toString(rows), "position", position.get())
                : Map.of("rows", Long.toString(rows));
        try (PreparedStatement statement = sql.copy(position).prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            row.next();
            long more = row.getLong("rows");
            if (more > 0) {
                Map<String, String> done = Map.of(
                        "role", sql.role().key(),
                        "position", String.valueOf(row.getString("position")),
                        "rows", Long.toString(more));
                sql.execute(connection, "rebuild-copied.sql", done);
            }
            options.probe().reached(RewriteOptions.Point.COPIED_UNCOMMITTED);
            if (more < rows) {
                Map<String, String> next = Map.of("role", sql.role().key(), "phase", RewriteState.CATCHING_UP);
                sql.execute(connection, "rebuild-phase.sql", next);
            }
            copied += more;
            listener.copied(more);
            return more < rows ? 0 : more;
        }
    }

    /** Begins a step: no two of them run at once. */
    private Optional<String> step(Connection connection, String phase) throws SQLException {
        Map<String, String> values = Map.of("role", sql.role().key(), "phase", phase);
        try (PreparedStatement statement = sql.statement("rebuild-step.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            if (!row.next()) {
                throw new SQLException("somebody else goes on with the rebuild of " + sql.table());
            }
            return Optional.ofNullable(row.getString("position"));
        }
    }

    // The copy catches up.

    private void takePlace(Optional<PartitionInterval> target) throws SQLException {
        describe();
        CutOver swap = new CutOver(sql, rollups, locks, options, this::drain);
        long deadline = System.nanoTime() + locks.pace().patience().toNanos();
        buildIndexes(target);
        options.probe().reached(RewriteOptions.Point.INDEXED);
        catchUp();
        compare();
        options.probe().reached(RewriteOptions.Point.COMPARED);
        for (int attempt = 0; ; attempt++) {
            buildIndexes(target);
            catchUp();
            options.probe().reached(RewriteOptions.Point.CAUGHT_UP);
            List<String> others = swap.attempt(target, attempt < options.politeAttempts());
            if (others.isEmpty()) {
                listener.swapped(sql.name(), swap.locked());
                options.probe().reached(RewriteOptions.Point.SWAPPED);
                return;
            }
            listener.waiting(others);
            if (System.nanoTime() > deadline) {
                throw new SQLException("others didn't let go of " + sql.table() + " within "
                        + locks.pace().patience() + ": " + String.join(", ", others));
            }
            locks.pause();
        }
    }

    /** Those that are missing: also such as were built on the table meanwhile. */
    private void buildIndexes(Optional<PartitionInterval> target) throws SQLException {
        List<TableDefinition.Index> indexes = read(connection -> TableDefinition.indexes(connection, sql, sql.table()));
        boolean built = false;
        for (TableDefinition.Index index : indexes) {
            String there = Identifiers.qualified(sql.schema(), index.newName());
            if (!read(connection -> RewriteSql.exists(connection, there))) {
                listener.indexing(index.name());
                runLong(index.create(sql.shadow(), target));
                built = true;
            }
        }
        if (built) {
            runLong("analyze " + sql.shadow());
        }
    }

    private void runLong(String statement) throws SQLException {
        Jdbc.run(dataSource, Jdbc.Mode.WRITE, LONG, connection -> {
            RewriteSql.run(connection, statement);
            return statement;
        });
    }

    private void catchUp() throws SQLException {
        long done;
        do {
            done = notes.run(options.budget(), this::catchUpOrAll);
        } while (done > options.fewNotes());
    }

    /**
     * A unique value that one row has given up and another one has taken may be in this batch with the latter alone: then all notes
     * are dealt with at once, in whose snapshot it is unique.
     */
    private long catchUpOrAll(long rows) throws SQLException {
        try {
            return catchUp(rows);
        } catch (SQLException e) {
            if (!UNIQUE_VIOLATION.equals(e.getSQLState())) {
                throw e;
            }
            return catchUp(Long.MAX_VALUE);
        }
    }

    private long catchUp(long rows) throws SQLException {
        Jdbc.Mode mode = options.guards().contains(RewriteOptions.Guard.ONE_SNAPSHOT)
                ? Jdbc.Mode.WRITE_SNAPSHOT
                : Jdbc.Mode.WRITE;
        long done = Jdbc.run(dataSource, mode, TIMEOUT, connection -> {
            step(connection, RewriteState.CATCHING_UP);
            return catchUp(connection, rows);
        });
        changes += done;
        if (done > 0) {
            listener.caughtUp(done);
        }
        return done;
    }

    private long catchUp(Connection connection, long rows) throws SQLException {
        Map<String, String> upto;
        long count;
        try (PreparedStatement statement =
                        sql.statement("rebuild-upto.sql").prepare(connection, Map.of("rows", Long.toString(rows)));
                ResultSet row = statement.executeQuery()) {
            row.next();
            upto = Map.of("number", row.getString("number"));
            count = row.getLong("notes");
        }
        if (count > 0) {
            sql.execute(connection, "rebuild-clear.sql", upto);
            sql.execute(connection, "rebuild-renew.sql", upto);
            options.probe().reached(RewriteOptions.Point.RENEWED_UNCOMMITTED);
            sql.execute(connection, "rebuild-forget.sql", upto);
        }
        return count;
    }

    /** What was changed behind the triggers' back is found here. */
    private void compare() throws SQLException {
        Jdbc.run(dataSource, Jdbc.Mode.WRITE_SNAPSHOT, LONG, connection -> {
            step(connection, RewriteState.CATCHING_UP);
            changes += catchUp(connection, Long.MAX_VALUE);
            try (PreparedStatement statement =
                            sql.statement("rebuild-compare.sql").prepare(connection, Map.of());
                    ResultSet row = statement.executeQuery()) {
                row.next();
                if (!row.getBoolean("same")) {
                    throw TableDefinition.refused(
                            sql,
                            "it has " + row.getLong("live") + " rows, and their copy has " + row.getLong("copy")
                                    + " or others: a key stands there more than once, or rows have come or gone that no"
                                    + " trigger was told of; take the rebuild back and begin anew");
                }
            }
            return sql;
        });
    }

    /**
     * Deals with the notes that are left, while writers wait.
     *
     * @return the transaction that did it; empty if there were too many, and more wait
     */
    private Optional<String> drain(Duration left) throws SQLException {
        Jdbc.Mode mode = Jdbc.Mode.WRITE_SNAPSHOT;
        return Jdbc.run(dataSource, mode, left, connection -> {
            step(connection, RewriteState.CATCHING_UP);
            long done = catchUp(connection, 2 * options.fewNotes());
            changes += done;
            if (done == 2 * options.fewNotes()) {
                return Optional.<String>empty();
            }
            return Optional.of(CutOver.ownTransaction(connection));
        });
    }

    // The copy is the table.

    private void finish(RewriteState state) throws SQLException {
        describe();
        new RewriteForeignKeys(sql, state.targetStep()).validate(dataSource, locks, LONG);
        options.probe().reached(RewriteOptions.Point.VALIDATED);
        String swappedAt = state.swappedAt().orElseThrow();
        if (options.guards().contains(RewriteOptions.Guard.WAIT_FOR_SNAPSHOTS)) {
            awaitSnapshots(dataSource, sql, locks, listener, swappedAt);
        }
        locks.run(connection -> {
            RewriteSql.run(
                    connection, "drop trigger if exists " + sql.piece("trigger.snapshot") + " on " + sql.table());
            return sql;
        });
        options.probe().reached(RewriteOptions.Point.UNGUARDED);
        locks.run(connection -> {
            RewriteSql.run(connection, "drop table if exists " + sql.old() + ", " + sql.piece("notes"));
            RewriteSql.run(connection, "drop function if exists " + sql.piece("note") + "() cascade");
            sql.execute(connection, "rebuild-end.sql", Map.of("role", sql.role().key()));
            ShadowTable.dropSchemaIfUnused(connection, sql);
            return sql;
        });
        options.probe().reached(RewriteOptions.Point.DROPPED);
    }

    /** Until those are gone whose snapshot doesn't see a transaction; nothing is locked meanwhile. */
    static void awaitSnapshots(
            DataSource dataSource, RewriteSql sql, LockRetrier locks, PartitionProgress listener, String transaction)
            throws SQLException {
        long deadline = System.nanoTime() + locks.pace().patience().toNanos();
        Set<String> first = Set.of();
        for (boolean again = false; ; again = true) {
            Map<String, String> now = Jdbc.run(
                    dataSource,
                    Jdbc.Mode.READ_ONLY,
                    TIMEOUT,
                    connection -> CutOver.snapshots(connection, sql, transaction));
            if (again) {
                now.keySet().retainAll(first);
            }
            if (now.isEmpty()) {
                return;
            }
            first = again ? first : Set.copyOf(now.keySet());
            listener.waiting(List.copyOf(now.values()));
            if (System.nanoTime() > deadline) {
                throw new SQLException("others kept their snapshots for "
                        + locks.pace().patience() + ": " + String.join(", ", now.values()));
            }
            locks.pause();
        }
    }
}
