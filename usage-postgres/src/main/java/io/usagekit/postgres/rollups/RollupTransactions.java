package io.usagekit.postgres.rollups;

import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.batches.AdaptiveBatchSize;
import io.usagekit.postgres.internal.times.FilledTime;
import io.usagekit.postgres.internal.times.FilledTimes;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * The steps that keep roll-ups up to date. Each step is one transaction, or leaves everything as it was, and depends on nothing that a
 * session keeps between two of them: they may run on another process of the server each, as behind a pooler.
 *
 * <p>Why a reader that sees a rolled hour also sees a dirty mark for each change that the hour lacks:
 *
 * <ol>
 *   <li>An hour is rolled in one REPEATABLE READ transaction, which deletes the marks that its snapshot sees. A change that the
 *       snapshot doesn't see has a mark that it doesn't see either.
 *   <li>Changes that found the watermark too low to be marked belong to transactions that had locked the table for writing
 *       before the watermark was raised. The worker waits for them before it takes the snapshot.
 *   <li>One step runs at a time, of whichever worker: it locks the state before it takes its snapshot, which is therefore younger than the
 *       step before. If it weren't, counting the step would fail (40001).
 *   <li>An event's size also counts in the hours of its deliveries. A change is recorded in the change log by the event, and readers
 *       of the change log look the deliveries up in the same snapshot.
 * </ol>
 */
final class RollupTransactions {

    /** The kinds of steps. */
    enum Step {
        ADVANCE,
        ADD_PROJECTS,
        MARK_CHANGED_DELIVERIES,
        MARK_LATE_EVENTS,
        REROLL,
        BACKFILL,
        FOLLOW_PARTITIONS,
        RESET
    }

    /** Where a probe is called. */
    enum Point {
        PUBLISHED,
        WRITERS_LISTED,
        WRITERS_ENDED,
        STARTED,
        CHOSEN,
        SUMS_DELETED,
        ROLLED,
        MARKS_DELETED,
        BEFORE_COMMIT,
        COMMITTED
    }

    /** Is called at each point of each step; tests interrupt steps by it. */
    @FunctionalInterface
    interface Probe {
        Probe NONE = (step, point) -> {};

        void at(Step step, Point point) throws SQLException;
    }

    private static final int ATTEMPTS = 10;
    private static final Duration SHORTEST_POLL = Duration.ofMillis(5);
    private static final Duration LONGEST_POLL = Duration.ofMillis(500);

    private final Connection connection;
    private final RollupSql sql;
    private final Duration timeout;
    private final Probe probe;
    private final FilledTimes times;

    /** The transaction of the last step if that back-filled: its snapshot had no row of the history outside the known times. */
    private Optional<String> lastBackfill = Optional.empty();

    /** The chunk that the step under way has read; empty if it may have read other rows. */
    private Optional<RollupChunk> onlyRead = Optional.empty();

    /**
     * Steps on the connection of a {@link Jdbc#stepSession}.
     *
     * @param times are kept from run to run
     * @param timeout of each statement of a step
     */
    RollupTransactions(Connection connection, RollupSql sql, FilledTimes times, Duration timeout, Probe probe) {
        this.connection = connection;
        this.sql = sql;
        this.timeout = timeout;
        this.probe = probe;
        this.times = times;
    }

    /** Whether a worker runs a step in this moment, or, if it is of an older version, is at work at all. */
    boolean isAnotherWorkerAtWork() throws SQLException {
        return !Jdbc.step(
                        connection,
                        Jdbc.Mode.WRITE,
                        timeout,
                        transaction -> Optional.of(
                                sql.call(connection, "acquire-worker-lock").answer()))
                .orElseThrow();
    }

    /** Returns before which hours are rolled; empty if none are. */
    Optional<Instant> coveredBefore() throws SQLException {
        return sql.call(connection, "covered-before").one(row -> row.optionalInstant("covered_before"));
    }

    /** Raises the watermark: from here on changes of rows before it are marked, also those of transactions that have begun. */
    void publish(Instant watermark) throws SQLException {
        Jdbc.step(
                connection,
                Jdbc.Mode.WRITE,
                timeout,
                transaction -> Optional.of(sql.call(connection, "publish-watermark")
                        .instant("mark_before", watermark)
                        .one(row -> row.number("seconds"))));
        probe.at(Step.ADVANCE, Point.PUBLISHED);
    }

    /**
     * Waits for the transactions that may have read an older watermark. A transaction that is prepared meanwhile changes its
     * id, so once the others have ended, the transactions that are prepared by then are waited for, too.
     *
     * @param closed ends the wait
     * @return the names of those that haven't ended after the timeout; empty if all have
     */
    List<String> awaitWriters(Duration limit, BooleanSupplier closed) throws SQLException {
        long deadline = System.nanoTime() + limit.toNanos();
        Map<String, Writer> awaited = writers();
        probe.at(Step.ADVANCE, Point.WRITERS_LISTED);
        boolean preparedOnesOnly = false;
        for (long poll = SHORTEST_POLL.toNanos();
                !awaited.isEmpty();
                poll = Math.min(poll * 2, LONGEST_POLL.toNanos())) {
            long left = deadline - System.nanoTime();
            if (left <= 0 || closed.getAsBoolean()) {
                return awaited.values().stream().map(Writer::name).toList();
            }
            pause(Math.min(poll, left));
            Map<String, Writer> present = writers();
            awaited.keySet().retainAll(present.keySet());
            // A transaction that has been prepared has lost its process.
            awaited.replaceAll((id, writer) -> present.getOrDefault(id, writer));
            if (awaited.isEmpty() && !preparedOnesOnly) {
                preparedOnesOnly = true;
                present.values().stream().filter(Writer::prepared).forEach(writer -> awaited.put(writer.id(), writer));
            }
        }
        probe.at(Step.ADVANCE, Point.WRITERS_ENDED);
        return List.of();
    }

    private record Writer(String id, boolean prepared, String name) {}

    private Map<String, Writer> writers() throws SQLException {
        Map<String, Writer> writers = new LinkedHashMap<>();
        sql.call(connection, "writers")
                .forEach(row -> writers.put(
                        row.text("id"), new Writer(row.text("id"), row.flag("prepared"), row.text("name"))));
        return writers;
    }

    private static void pause(long nanos) throws SQLException {
        try {
            Thread.sleep(Duration.ofNanos(nanos).toMillis() + 1);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SQLException("interrupted while waiting for transactions that write to the tables", e);
        }
    }

    /**
     * Rolls each project's hours up to the target, which has been published as the watermark, but at most so many at a time.
     *
     * @param hours the batch, whose rows are hours
     * @return before which hours are rolled now
     */
    Instant advance(Instant target, AdaptiveBatchSize.Batch hours) throws SQLException {
        return step(Step.ADVANCE, hours::start, started -> {
                    Optional<Instant> covered = started.coveredBefore();
                    Instant upper = covered.map(before -> before.plus(Duration.ofHours(hours.size())))
                            .filter(limited -> !limited.isAfter(target))
                            .orElse(target);
                    covered.ifPresent(
                            before -> hours.had(Duration.between(before, upper).toHours()));
                    sql.call(connection, "choose-new-hours")
                            .instant("upper", upper)
                            .update();
                    probe.at(Step.ADVANCE, Point.CHOSEN);
                    roll(Step.ADVANCE, FilledTime.ANY);
                    sql.call(connection, "set-covered-before")
                            .instant("upper", upper)
                            .update();
                    update("clear-ranges");
                    return Optional.of(upper);
                })
                .orElseThrow();
    }

    /** Adds projects that were created since; their hours are rolled from here on. */
    void addProjects() throws SQLException {
        step(Step.ADD_PROJECTS, started -> {
            long added = update("add-projects");
            return added == 0 ? Optional.empty() : Optional.of(added);
        });
    }

    /**
     * Marks the hours of the deliveries of changed events.
     *
     * @param events at most so many
     * @return how many there were
     */
    long markChangedDeliveries(long events) throws SQLException {
        return step(Step.MARK_CHANGED_DELIVERIES, started -> {
                    if (!sql.call(connection, "has-changed-events").answer()) {
                        return Optional.empty(); // deliveries of all partitions aren't named
                    }
                    long taken = sql.call(connection, "mark-changed-deliveries")
                            .number("events", events)
                            .one(row -> row.number("events"));
                    probe.at(Step.MARK_CHANGED_DELIVERIES, Point.CHOSEN);
                    return taken == 0 ? Optional.empty() : Optional.of(taken);
                })
                .orElse(0L);
    }

    /**
     * Marks the hours of orphans, deliveries that were rolled without their event, whose event has arrived late.
     *
     * @param after only orphans with a greater id are looked at
     * @param orphans at most so many
     * @return after which id to continue
     */
    long markLateEvents(long after, long orphans) throws SQLException {
        return step(
                        Step.MARK_LATE_EVENTS,
                        started -> sql.call(connection, "has-orphans-after")
                                        .number("after", after)
                                        .answer()
                                ? Optional.of(sql.call(connection, "mark-late-events")
                                        .number("after", after)
                                        .number("orphans", orphans)
                                        .one(row -> row.number("last")))
                                : Optional.<Long>empty()) // events of all partitions aren't named
                .orElse(0L);
    }

    /**
     * Re-rolls marked hours.
     *
     * @param hours the batch, whose rows are marked hours
     * @return how many there were
     */
    long reroll(AdaptiveBatchSize.Batch hours) throws SQLException {
        return step(Step.REROLL, hours::start, started -> {
                    long marked = sql.call(connection, "choose-dirty-hours")
                            .number("buckets", hours.size())
                            .one(row -> row.number("buckets"));
                    hours.had(marked);
                    if (marked == 0) {
                        return Optional.empty();
                    }
                    probe.at(Step.REROLL, Point.CHOSEN);
                    update("drop-unrolled-ranges");
                    roll(Step.REROLL, FilledTime.ANY);
                    update("clear-ranges");
                    return Optional.of(marked);
                })
                .orElse(0L);
    }

    /**
     * Rolls a part of the history.
     *
     * @param rows the batch, about as many events and as many deliveries
     * @return whether there was history left to roll
     */
    boolean backfill(AdaptiveBatchSize.Batch rows) throws SQLException {
        lastBackfill = step(Step.BACKFILL, rows::start, started -> {
            Optional<String> before = sql.call(connection, "history-before").one(row -> row.optionalText("before"));
            if (started.coveredBefore().isEmpty() || before.isEmpty()) {
                return Optional.empty();
            }
            FilledTime filled =
                    RollupChunk.chooseHistory(connection, sql, filledBefore(before.get(), started), rows.size());
            probe.at(Step.BACKFILL, Point.CHOSEN);
            roll(Step.BACKFILL, filled);
            update("set-covered-from");
            update("clear-ranges");
            return Optional.of(started.transaction());
        });
        return lastBackfill.isPresent();
    }

    /**
     * Finds the times of the history's rows in the step's own snapshot: a partition that was filled before it isn't passed over. The files of
     * thousands of partitions aren't looked at again where the step before was of this run, too, and no hour of the history is marked: each row
     * that was written there since would have left a mark, and no other step can have deleted that. Of a partition that was attached since, the
     * hours of its rows are marked when it is recorded, and no rolled hour is used before.
     */
    private List<FilledTime> filledBefore(String before, Started started) throws SQLException {
        boolean isKnown = lastBackfill.filter(started.previous()::equals).isPresent()
                && !sql.call(connection, "has-marks-before")
                        .text("before", before)
                        .answer();
        return isKnown
                ? times.knownBefore(connection, sql.shape(), before)
                : times.before(connection, sql.shape(), before);
    }

    /**
     * Marks the rolled hours of rows that came with new partitions, and records these, if nothing else differs from what was recorded
     * and they hold few rows.
     *
     * @param mostRows of each
     * @return whether tables and triggers are as recorded now
     */
    boolean followPartitions(long mostRows) throws SQLException {
        return step(Step.FOLLOW_PARTITIONS, started -> {
                    Optional<List<RollupProof.NewPartition>> added = RollupProof.newPartitions(connection, sql);
                    if (added.isEmpty()) {
                        return Optional.empty();
                    }
                    for (RollupProof.NewPartition partition : added.get()) {
                        long rows = sql.callOn(connection, "count-rows", partition.quoted())
                                .number("most", mostRows + 1)
                                .one(row -> row.number("rows"));
                        if (rows > mostRows) {
                            return Optional.empty();
                        }
                        sql.callOn(connection, "mark-" + partition.role(), partition.quoted())
                                .update();
                    }
                    probe.at(Step.FOLLOW_PARTITIONS, Point.CHOSEN);
                    return Optional.of(RollupProof.record(connection, sql, RollupProof.ROLES));
                })
                .orElse(false);
    }

    /**
     * Records that nothing is rolled, since changes may have been missed, and the tables and triggers as they are now.
     *
     * @return whether they are recorded; not if they are defined otherwise than they were when the triggers were created
     */
    boolean reset() throws SQLException {
        return step(Step.RESET, started -> {
                    update("reset-state");
                    update("reset-projects");
                    update("delete-reset-requests");
                    update("record-own-tables");
                    return Optional.of(RollupProof.record(connection, sql, RollupProof.ROLES));
                })
                .orElseThrow();
    }

    /**
     * Rolls the chosen ranges and deletes their marks.
     *
     * @param filled the time in which all of their rows are
     */
    private void roll(Step step, FilledTime filled) throws SQLException {
        List<RollupChunk> chunks =
                RollupChunk.isChunked(sql.shape()) ? RollupChunk.of(connection, sql, filled) : List.of();
        RetainedDoubt.checkRanges(connection, sql, chunks);
        update("delete-sums");
        update("delete-orphans");
        probe.at(step, Point.SUMS_DELETED);
        onlyRead = RollupChunk.roll(connection, sql, chunks);
        probe.at(step, Point.ROLLED);
        update("delete-marks");
        probe.at(step, Point.MARKS_DELETED);
    }

    private long update(String statement) throws SQLException {
        return sql.call(connection, statement).update();
    }

    @FunctionalInterface
    private interface Work<T> {
        Optional<T> run(Started started) throws SQLException;
    }

    /** What a step finds when it starts: the server's process that runs it, its transaction, and the one that changed the state before. */
    private record Started(Optional<Instant> coveredBefore, long backend, String transaction, String previous) {}

    /** Refuses to commit a step whose statements ran in transactions of several processes. */
    private void checkBackend(Started started) throws SQLException {
        long backend = sql.call(connection, "backend").one(row -> row.number("backend"));
        if (backend != started.backend()) {
            throw new SQLException("a step began on the server's process " + started.backend() + " and ended on "
                    + backend
                    + ": a pooler doesn't keep a transaction on one connection (pool_mode=statement, or queries"
                    + " that are sent to replicas); connect the worker to PostgreSQL itself");
        }
    }

    private <T> Optional<T> step(Step step, Work<T> work) throws SQLException {
        return step(step, () -> {}, work);
    }

    /**
     * Commits if there is a result, and leaves everything as it was if there is none.
     *
     * @param locked is called whenever the step has acquired its locks
     */
    private <T> Optional<T> step(Step step, Runnable locked, Work<T> work) throws SQLException {
        return Jdbc.retry(ATTEMPTS, SqlErrors::isWriteConflict, () -> {
            Optional<T> result = Jdbc.step(connection, Jdbc.Mode.WRITE_SNAPSHOT, timeout, transaction -> {
                update(RollupChunk.isChunked(sql.shape()) ? "lock-parents" : "lock-tables");
                update("lock-state");
                sql.call(connection, "acquire-worker-lock")
                        .execute(); // so that other workers leave the work to this one
                Started started = sql.call(connection, "count-step")
                        .one(row -> new Started(
                                row.optionalInstant("covered_before"),
                                row.number("backend"),
                                row.text("transaction"),
                                row.text("previous")));
                locked.run();
                onlyRead = Optional.empty();
                probe.at(step, Point.STARTED);
                Optional<T> done = work.run(started);
                if (done.isPresent()) {
                    checkBackend(started);
                    RollupChunk.checkNotRewritten(connection, sql, onlyRead);
                    probe.at(step, Point.BEFORE_COMMIT);
                }
                return done;
            });
            if (result.isPresent()) {
                probe.at(step, Point.COMMITTED);
            }
            return result;
        });
    }
}
