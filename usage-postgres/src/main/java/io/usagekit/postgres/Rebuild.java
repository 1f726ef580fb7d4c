package io.usagekit.postgres;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Transaction;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import javax.sql.DataSource;

/**
 * Rebuilds a table into another shape while others use it. Not thread-safe.
 *
 * <p>Why no row is lost: from before the first row is copied each change leaves a note of its key, in the transaction that changes. A
 * batch that catches up takes notes and the rows that they name in one snapshot; a change that it doesn't see has a note that it doesn't
 * see, and doesn't delete. In the end writers wait until no note is left.
 *
 * <p>Why no snapshot sees less: a row of the copy is as old as its copying, however old its original. So the copy takes the table's
 * place only once everybody who began to look before the last row was copied has ended. See {@link RebuildSwap}.
 */
final class Rebuild {

    /** Where tests may end it; the name says what has just been done. */
    enum Point {
        BEGUN,
        COPIED_UNCOMMITTED,
        COPIED,
        INDEXED,
        RENEWED_UNCOMMITTED,
        COMPARED,
        CAUGHT_UP,
        WRITERS_LOCKED,
        DRAINED,
        SWAPPED_UNCOMMITTED,
        SWAPPED,
        VALIDATED,
        UNGUARDED,
        DROPPED
    }

    /** What a test may leave out, to see that it is missed. */
    enum Guard {
        /** A batch that catches up sees notes and rows in one snapshot. */
        ONE_SNAPSHOT,
        /** Those who began to look before the copy was whole are waited for. */
        WAIT_FOR_SNAPSHOTS,
        /** Those who waited to write meanwhile are told that the table was rebuilt. */
        CHECK_WRITERS
    }

    /** Told of each point, inside the transaction where it says so; what it throws ends the rebuild there. */
    interface Probe {
        void reached(Point point);
    }

    /**
     * How, besides the tables.
     *
     * @param ahead how many partitions are made beyond that of now
     * @param rows in the first batch of a copy, and {@code mostRows} in any; it is as many as fit {@code budget}
     * @param fewNotes so many are left to the moment in which writers wait
     */
    record Options(
            int ahead,
            long rows,
            long mostRows,
            Duration budget,
            long fewNotes,
            Set<Guard> guards,
            Probe probe,
            Consumer<RebuildSql> mutation) {

        static final Options DEFAULT = new Options(
                3, 1_000, 20_000, Duration.ofSeconds(1), 200, Set.of(Guard.values()), point -> {}, unchanged -> {});

        Options ahead(int partitions) {
            return new Options(partitions, rows, mostRows, budget, fewNotes, guards, probe, mutation);
        }

        Options batchesOf(long size) {
            return new Options(ahead, size, size, budget, fewNotes, guards, probe, mutation);
        }

        Options without(Guard guard) {
            Set<Guard> others = EnumSet.copyOf(guards);
            others.remove(guard);
            return new Options(ahead, rows, mostRows, budget, fewNotes, others, probe, mutation);
        }

        Options probe(Probe told) {
            return new Options(ahead, rows, mostRows, budget, fewNotes, guards, told, mutation);
        }

        /** With other words in a statement. */
        Options mutated(String resource, String before, String after) {
            return new Options(
                    ahead, rows, mostRows, budget, fewNotes, guards, probe, sql -> sql.mutate(resource, before, after));
        }
    }

    /** What stands in the table of states. */
    record State(
            Optional<PartitionStep> step,
            Optional<String> target,
            String phase,
            long total,
            long copied,
            Optional<String> swappedAt) {

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
    }

    private static final String PLAIN = "PLAIN";
    private static final int MOST_PARTITIONS = 400;
    private static final String UNIQUE_VIOLATION = "23505";

    /** For a batch; one that takes longer is tried at half its size. */
    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    /** For what takes as long as the table is large and locks nothing that anybody else uses. */
    private static final Duration LONG = Duration.ofDays(1);

    private final DataSource dataSource;
    private final RebuildSql sql;
    private final PostgresRollups rollups;
    private final ShortLocks locks;
    private final Options options;
    private final PartitionListener listener;
    private final StepSize copyRows;
    private final StepSize notes;

    private long copied;
    private long changes;

    Rebuild(
            DataSource dataSource,
            RebuildSql sql,
            PostgresRollups rollups,
            ShortLocks locks,
            Options options,
            PartitionListener listener) {
        this.dataSource = dataSource;
        this.sql = sql;
        this.rollups = rollups;
        this.locks = locks;
        this.options = options;
        this.listener = listener;
        this.copyRows = new StepSize(1, options.rows(), options.mostRows());
        this.notes = new StepSize(1, options.rows(), options.mostRows());
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
    void into(Optional<PartitionStep> target, Instant now) throws SQLException {
        Optional<State> state = read(this::state);
        if (state.filter(State::isUnderWay).isPresent()) {
            describe();
            if (state.get().phase().equals(State.FINISHING)) {
                finish(state.get());
                state = read(this::state);
            } else if (!state.get().targetStep().equals(target)) {
                locks.run(this::abandon);
                state = read(this::state);
            }
        }
        if (state.filter(State::isUnderWay).isEmpty()) {
            if (state.flatMap(State::step).equals(target)
                    && !read(connection -> isWorthwhile(connection, target, now))) {
                return;
            }
            begin(target, now);
            options.probe().reached(Point.BEGUN);
        }
        State begun = read(this::state).orElseThrow();
        listener.began(sql.name(), begun.total(), begun.copied());
        if (begun.phase().equals(State.COPYING)) {
            copy();
        }
        takePlace(target);
        finish(read(this::state).orElseThrow());
    }

    private <T> T read(Transaction.Work<T> work) throws SQLException {
        return Transaction.run(dataSource, Transaction.Mode.READ_ONLY, TIMEOUT, work);
    }

    private Optional<State> state(Connection connection) throws SQLException {
        return state(connection, sql);
    }

    /** What is known of a table; empty if nothing is. */
    static Optional<State> state(Connection connection, RebuildSql sql) throws SQLException {
        if (!RebuildSql.exists(connection, sql.partitions() + ".state")) {
            return Optional.empty();
        }
        try (PreparedStatement statement = sql.statement("rebuild-state.sql")
                        .prepare(connection, Map.of("role", sql.role().key()));
                ResultSet row = statement.executeQuery()) {
            if (!row.next()) {
                return Optional.empty();
            }
            return Optional.of(new State(
                    Optional.ofNullable(row.getString("step")).map(PartitionStep::valueOf),
                    Optional.ofNullable(row.getString("target")),
                    String.valueOf(row.getString("phase")),
                    row.getLong("total"),
                    row.getLong("copied"),
                    Optional.ofNullable(row.getString("swapped_at"))));
        }
    }

    /** A table of the right shape is rebuilt where its default partition holds what might have one of its own. */
    private boolean isWorthwhile(Connection connection, Optional<PartitionStep> target, Instant now)
            throws SQLException {
        if (target.isPresent()) {
            return PartitionSet.read(connection, sql).defaultHoldsBefore(connection, end(target.get(), now));
        }
        if (RebuildTable.read(connection, sql).isPartitioned()) {
            throw foreign();
        }
        return false;
    }

    private UsageCalculationException foreign() {
        return RebuildTable.refused(sql, "it has been partitioned by somebody else");
    }

    private RebuildTable describe() throws SQLException {
        return read(this::describe);
    }

    private RebuildTable describe(Connection connection) throws SQLException {
        RebuildTable table = RebuildTable.read(connection, sql);
        sql.describe(
                table.key(),
                table.keyType(),
                sql.texts(connection, "rebuild-columns.sql", Map.of("table", sql.table()), "name"));
        return table;
    }

    // The copy, and notes of what changes.

    private void begin(Optional<PartitionStep> target, Instant now) throws SQLException {
        Optional<Instant> oldest = Transaction.run(dataSource, Transaction.Mode.READ_ONLY, LONG, this::oldest);
        List<Instant> begins = new ArrayList<>();
        if (target.isPresent()) {
            begins = begins(target.get(), oldest.orElse(now), now);
        }
        List<Instant> edges = begins;
        locks.run(connection -> {
            begin(connection, target, edges);
            return edges;
        });
    }

    private Optional<Instant> oldest(Connection connection) throws SQLException {
        try (PreparedStatement statement = sql.statement("rebuild-oldest.sql").prepare(connection, Map.of());
                ResultSet row = statement.executeQuery()) {
            row.next();
            return Optional.ofNullable(row.getObject("oldest", OffsetDateTime.class))
                    .map(OffsetDateTime::toInstant);
        }
    }

    /** Where the last partition ends. */
    private Instant end(PartitionStep step, Instant now) {
        Instant end = step.floor(now);
        for (int ahead = 0; ahead <= options.ahead(); ahead++) {
            end = step.next(end);
        }
        return end;
    }

    /** Where the partitions begin, and where the last one ends. */
    private List<Instant> begins(PartitionStep step, Instant oldest, Instant now) {
        Instant end = end(step, now);
        List<Instant> begins = new ArrayList<>();
        for (Instant begin = step.floor(oldest.isBefore(now) ? oldest : now);
                !begin.isAfter(end);
                begin = step.next(begin)) {
            begins.add(begin);
            if (begins.size() > MOST_PARTITIONS) {
                throw RebuildTable.refused(
                        sql,
                        "from its oldest row, of " + oldest + ", on there would be more than " + MOST_PARTITIONS
                                + " partitions of a " + step + "; take a longer step");
            }
        }
        return begins;
    }

    private void begin(Connection connection, Optional<PartitionStep> target, List<Instant> edges) throws SQLException {
        RebuildTable table = describe(connection);
        RebuildSql.run(connection, sql.script("partitions-schema.sql", Map.of()));
        if (table.isPartitioned() && state(connection).flatMap(State::step).isEmpty()) {
            throw foreign();
        }
        if (target.isPresent() && table.nullableTime()) {
            throw RebuildTable.refused(
                    sql,
                    sql.createdAt()
                            + " may be null, and PostgreSQL demands it in the primary key: set it NOT NULL first");
        }
        RebuildTable.checkObstacles(connection, sql);
        createShadow(connection, table, target, edges);
        RebuildSql.run(connection, sql.script("rebuild-notes.sql", Map.of()));
        for (String relation : relations(connection, sql.table())) {
            RebuildSql.run(connection, sql.script("rebuild-refuse-truncate.sql", Map.of("relation", relation)));
        }
        sql.execute(
                connection,
                "rebuild-begin.sql",
                Map.of(
                        "role", sql.role().key(),
                        "target", target.map(Enum::name).orElse(PLAIN),
                        "rows", Long.toString(table.rows())));
    }

    /** A table and its partitions, quoted. */
    private List<String> relations(Connection connection, String table) throws SQLException {
        List<String> relations = new ArrayList<>(List.of(table));
        relations.addAll(leaves(connection, sql, table));
        return relations;
    }

    /** The partitions of a table, quoted; none if it is plain. */
    static List<String> leaves(Connection connection, RebuildSql sql, String table) throws SQLException {
        return PartitionSet.ranges(connection, sql, table).stream()
                .map(PartitionSet.Range::quoted)
                .toList();
    }

    private void createShadow(
            Connection connection, RebuildTable table, Optional<PartitionStep> target, List<Instant> edges)
            throws SQLException {
        RebuildSql.run(
                connection,
                "create table " + sql.shadow() + " (like " + sql.table()
                        + " including defaults including generated including identity including storage"
                        + " including compression including comments including constraints including statistics)"
                        + (target.isPresent() ? " partition by range (" + sql.createdAt() + ")" : table.options()));
        if (table.comment().isPresent()) {
            RebuildSql.run(
                    connection,
                    "comment on table " + sql.shadow() + " is "
                            + table.comment().get());
        }
        RebuildTable.Index primary =
                RebuildTable.indexes(connection, sql, sql.table()).get(0);
        RebuildSql.run(connection, primary.create(sql.shadow(), target));
        List<String> made = new ArrayList<>(List.of(sql.shadow()));
        if (target.isPresent()) {
            made.addAll(createPartitions(connection, target.get(), edges, table.options()));
        }
        if (!table.isOwn()) {
            for (String relation : made) {
                RebuildSql.run(connection, "alter table " + relation + " owner to " + table.owner());
            }
        }
    }

    private List<String> createPartitions(
            Connection connection, PartitionStep step, List<Instant> edges, String storage) throws SQLException {
        List<String> made = new ArrayList<>();
        for (Instant lower : edges.subList(0, edges.size() - 1)) {
            String name = PartitionSet.freeName(connection, sql, step.suffix(lower));
            RebuildSql.run(connection, PartitionSet.create(sql, name, sql.shadow(), step, lower, storage));
            made.add(Identifiers.qualified(sql.schema(), name));
        }
        String others = Identifiers.qualified(sql.schema(), PartitionSet.freeName(connection, sql, "_pdefault"));
        RebuildSql.run(connection, "create table " + others + " partition of " + sql.shadow() + " default" + storage);
        made.add(others);
        return made;
    }

    /** Takes it back: the table stays as it is. */
    private Optional<State> abandon(Connection connection) throws SQLException {
        RebuildSql.run(connection, "drop function if exists " + sql.piece("note") + "() cascade");
        for (String relation : relations(connection, sql.table())) {
            RebuildSql.run(connection, "drop trigger if exists " + sql.piece("trigger.truncate") + " on " + relation);
        }
        RebuildSql.run(connection, "drop table if exists " + sql.shadow() + ", " + sql.piece("notes"));
        sql.execute(connection, "rebuild-end.sql", Map.of("role", sql.role().key()));
        dropSchemaIfUnused(connection);
        return state(connection);
    }

    private void dropSchemaIfUnused(Connection connection) throws SQLException {
        try (PreparedStatement statement =
                        sql.statement("partitions-in-use.sql").prepare(connection, Map.of());
                ResultSet row = statement.executeQuery()) {
            row.next();
            if (!row.getBoolean("answer")) {
                RebuildSql.run(connection, "drop schema " + sql.partitions() + " cascade");
            }
        }
    }

    private void copy() throws SQLException {
        describe();
        long more;
        do {
            more = copyRows.run(
                    options.budget(),
                    rows -> Transaction.run(
                            dataSource,
                            Transaction.Mode.WRITE_SNAPSHOT,
                            TIMEOUT,
                            connection -> copy(connection, rows)));
            options.probe().reached(Point.COPIED);
        } while (more > 0);
    }

    /** How many rows it copied; 0 if those were the last. */
    private long copy(Connection connection, long rows) throws SQLException {
        Optional<String> position = step(connection, State.COPYING);
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
            options.probe().reached(Point.COPIED_UNCOMMITTED);
            if (more < rows) {
                Map<String, String> next = Map.of("role", sql.role().key(), "phase", State.CATCHING_UP);
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

    private void takePlace(Optional<PartitionStep> target) throws SQLException {
        describe();
        RebuildSwap swap = new RebuildSwap(sql, rollups, locks, options, this::drain);
        long deadline = System.nanoTime() + locks.pace().patience().toNanos();
        buildIndexes(target);
        options.probe().reached(Point.INDEXED);
        catchUp();
        compare();
        options.probe().reached(Point.COMPARED);
        while (true) {
            buildIndexes(target);
            catchUp();
            options.probe().reached(Point.CAUGHT_UP);
            List<String> others = swap.attempt(target);
            if (others.isEmpty()) {
                listener.swapped(sql.name(), swap.locked());
                options.probe().reached(Point.SWAPPED);
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
    private void buildIndexes(Optional<PartitionStep> target) throws SQLException {
        List<RebuildTable.Index> indexes = read(connection -> RebuildTable.indexes(connection, sql, sql.table()));
        boolean built = false;
        for (RebuildTable.Index index : indexes) {
            String there = Identifiers.qualified(sql.schema(), index.newName());
            if (!read(connection -> RebuildSql.exists(connection, there))) {
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
        Transaction.run(dataSource, Transaction.Mode.WRITE, LONG, connection -> {
            RebuildSql.run(connection, statement);
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
        Transaction.Mode mode = options.guards().contains(Guard.ONE_SNAPSHOT)
                ? Transaction.Mode.WRITE_SNAPSHOT
                : Transaction.Mode.WRITE;
        long done = Transaction.run(dataSource, mode, TIMEOUT, connection -> {
            step(connection, State.CATCHING_UP);
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
            options.probe().reached(Point.RENEWED_UNCOMMITTED);
            sql.execute(connection, "rebuild-forget.sql", upto);
        }
        return count;
    }

    /** What was changed behind the triggers' back is found here. */
    private void compare() throws SQLException {
        Transaction.run(dataSource, Transaction.Mode.WRITE_SNAPSHOT, LONG, connection -> {
            step(connection, State.CATCHING_UP);
            changes += catchUp(connection, Long.MAX_VALUE);
            try (PreparedStatement statement =
                            sql.statement("rebuild-compare.sql").prepare(connection, Map.of());
                    ResultSet row = statement.executeQuery()) {
                row.next();
                if (!row.getBoolean("same")) {
                    throw RebuildTable.refused(
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
        Transaction.Mode mode = Transaction.Mode.WRITE_SNAPSHOT;
        return Transaction.run(dataSource, mode, left, connection -> {
            step(connection, State.CATCHING_UP);
            long done = catchUp(connection, 2 * options.fewNotes());
            changes += done;
            if (done == 2 * options.fewNotes()) {
                return Optional.<String>empty();
            }
            return Optional.of(RebuildSwap.ownTransaction(connection));
        });
    }

    // The copy is the table.

    private void finish(State state) throws SQLException {
        describe();
        new RebuildForeignKeys(sql, state.targetStep()).validate(dataSource, locks, LONG);
        options.probe().reached(Point.VALIDATED);
        String swappedAt = state.swappedAt().orElseThrow();
        if (options.guards().contains(Guard.WAIT_FOR_SNAPSHOTS)) {
            awaitSnapshots(dataSource, sql, locks, listener, swappedAt);
        }
        locks.run(connection -> {
            RebuildSql.run(
                    connection, "drop trigger if exists " + sql.piece("trigger.snapshot") + " on " + sql.table());
            return sql;
        });
        options.probe().reached(Point.UNGUARDED);
        locks.run(connection -> {
            RebuildSql.run(connection, "drop table if exists " + sql.old() + ", " + sql.piece("notes"));
            RebuildSql.run(connection, "drop function if exists " + sql.piece("note") + "() cascade");
            sql.execute(connection, "rebuild-end.sql", Map.of("role", sql.role().key()));
            dropSchemaIfUnused(connection);
            return sql;
        });
        options.probe().reached(Point.DROPPED);
    }

    /** Until those are gone whose snapshot doesn't see a transaction; nothing is locked meanwhile. */
    static void awaitSnapshots(
            DataSource dataSource, RebuildSql sql, ShortLocks locks, PartitionListener listener, String transaction)
            throws SQLException {
        long deadline = System.nanoTime() + locks.pace().patience().toNanos();
        Set<String> first = Set.of();
        for (boolean again = false; ; again = true) {
            Map<String, String> now = Transaction.run(
                    dataSource,
                    Transaction.Mode.READ_ONLY,
                    TIMEOUT,
                    connection -> RebuildSwap.snapshots(connection, sql, transaction));
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
