package io.usagekit.postgres.rollups;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.batches.AdaptiveBatchSize;
import io.usagekit.postgres.internal.times.FilledTime;
import io.usagekit.postgres.internal.times.FilledTimes;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Deletes old rows and retains what they counted. Not thread-safe.
 *
 * <p>Why every snapshot sees the same figure: a batch is one transaction, in which one statement deletes rows and adds what they
 * counted to the retained sums. Nothing that the sums depend on changes before it is committed, or else the batch fails and is
 * retried. For the roll-ups the batch is a transaction of the host: triggers mark the hours.
 */
final class RetentionDeleter {

    /**
     * Sizes and waits of batches.
     *
     * @param rows of the first batch
     * @param mostRows of any batch
     * @param budget the target of an {@link AdaptiveBatchSize}
     * @param lockTimeout how long a batch waits for a row lock before it is retried. Together with the time that its rows may take, twice
     *     the budget, less than PostgreSQL's {@code deadlock_timeout}: if a host's transaction and a batch wait for each other, the
     *     batch times out
     * @param retryBudget for how long a batch is retried
     */
    record Pace(long rows, long mostRows, Duration budget, Duration lockTimeout, Duration retryBudget) {

        static final Pace DEFAULT =
                new Pace(1_000, 10_000, Duration.ofMillis(400), Duration.ofMillis(100), Duration.ofMinutes(1));
    }

    /** Of a batch; a batch that takes longer is retried at half its size. */
    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    private static final int FOREIGN_KEY_ATTEMPTS = 3;
    private static final Duration SHORTEST_RETENTION = Duration.ofDays(1);

    private final Jdbc jdbc;
    private final RollupSql sql;
    private final Set<String> allowedDependants;
    private final RetentionProgress progress;
    private final Pace pace;
    private final AdaptiveBatchSize deliveryRows;
    private final AdaptiveBatchSize eventRows;

    /** The time in which all rows are, as parameters of statements; empty where it isn't asked for. */
    private Map<String, String> filled = Map.of();

    private final FilledTimes filledTimes = new FilledTimes();
    private long deliveries;
    private long events;
    private long keptEvents;
    private long dependantRows;
    private @Nullable DependantTables dependants;

    /**
     * @param allowedDependants the tables whose rows are deleted along
     */
    RetentionDeleter(
            DataSource dataSource,
            RollupSql sql,
            Set<String> allowedDependants,
            RetentionProgress progress,
            Pace pace) {
        this.jdbc = new Jdbc(dataSource);
        this.sql = sql;
        this.allowedDependants = allowedDependants;
        this.progress = progress;
        this.pace = pace;
        this.deliveryRows = new AdaptiveBatchSize(1, pace.rows(), pace.mostRows());
        this.eventRows = new AdaptiveBatchSize(1, pace.rows(), pace.mostRows());
    }

    /**
     * Deletes the rows that were created before an instant.
     *
     * @param current reads what is installed
     * @throws UsageStorageException as {@link PostgresRollups#deleteBefore}
     */
    static RetentionResult deleteBefore(
            PostgresRollups.Settings settings,
            Jdbc.Attempt<RollupSql> current,
            Instant before,
            RetentionProgress progress) {
        Objects.requireNonNull(progress, "progress");
        Instant latest = settings.clock().instant().minus(SHORTEST_RETENTION);
        if (before.isAfter(latest)) {
            throw new IllegalArgumentException(
                    "before must be at least a day ago, " + latest + " at the latest, but was " + before);
        }
        RollupSql sql;
        try {
            RollupSql found = current.run();
            sql = new Jdbc(settings.dataSource()).transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, connection -> {
                RetainedDoubt.check(connection, found, "can't retain anything");
                checkOthers(connection, settings);
                return found;
            });
        } catch (SQLException e) {
            throw failed(settings.schema(), 0, 0, "", e);
        }
        return new RetentionDeleter(settings.dataSource(), sql, settings.dependants(), progress, Pace.DEFAULT)
                .deleteBefore(before);
    }

    /** Refuses to delete rows that other roll-ups of the same tables count as well, which would keep no sums of them. */
    private static void checkOthers(Connection connection, PostgresRollups.Settings settings) throws SQLException {
        List<String> others = RollupCatalog.Others.find(connection, settings.mapping(), settings.schema()).stream()
                .map(other -> Identifiers.quote(other.schema()))
                .toList();
        if (!others.isEmpty()) {
            throw UsageStorageException.permanent(
                    "retention of the roll-ups in the schema " + settings.quotedSchema()
                            + " deletes nothing: the same tables have triggers of roll-ups in the schema "
                            + String.join(" and ", others)
                            + ", whose figures would fall with the rows; remove() those that aren't used any more (usage"
                            + " rollups remove), or call install() if they are from before a schema or table was renamed",
                    null);
        }
    }

    /**
     * Deletes the rows that were created before an instant.
     *
     * @throws UsageStorageException as {@link PostgresRollups#deleteBefore}
     */
    RetentionResult deleteBefore(Instant before) {
        try {
            return deleteAll(before);
        } catch (SQLException e) {
            throw failed(sql.schema(), deliveries, events, inTheWay(e), e);
        }
    }

    /** What other tables have to do with an error, to follow "failed". */
    private String inTheWay(SQLException e) {
        return dependants == null || dependants.blocking().isEmpty() || !SqlErrors.isForeignKeyViolation(e)
                ? ""
                : ". In the way are " + String.join(", ", dependants.blocking());
    }

    private RetentionResult deleteAll(Instant before) throws SQLException {
        DependantTables tables = jdbc.transaction(
                Jdbc.Mode.READ_ONLY, TIMEOUT, connection -> new DependantTables(connection, sql, allowedDependants));
        dependants = tables;
        jdbc.transaction(
                Jdbc.Mode.WRITE,
                TIMEOUT,
                connection -> sql.call(connection, "record-owners").update());
        progress.dependantsFound(tables.all());
        if (FilledTime.isByTime(sql.shape())) {
            deleteByTime(tables, before);
        } else {
            deleteByProject(tables, before);
        }
        runTriggers();
        return new RetentionResult(deliveries, events, keptEvents, dependantRows);
    }

    /** Lets triggers do what they do after a statement of retention, also if there was none, until nothing of it is left. */
    private void runTriggers() throws SQLException {
        boolean isWorkLeft = true;
        while (isWorkLeft) {
            Jdbc.checkInterrupt("deleting old rows");
            isWorkLeft = jdbc.transaction(Jdbc.Mode.WRITE, TIMEOUT, connection -> {
                sql.call(connection, "mark-retention").execute();
                sql.call(connection, "delete-nothing").execute();
                return sql.call(connection, "leaves-work").answer();
            });
        }
    }

    private void deleteByProject(DependantTables tables, Instant before) throws SQLException {
        List<String> ofDeliveries = projects("projects-of-deliveries");
        List<String> ofEvents = projects("projects-of-events");
        progress.started((long) ofDeliveries.size() + ofEvents.size());
        for (String project : ofDeliveries) {
            deleteDeliveries(tables, RollupChunk.ofRowsOf(project), before);
            progress.partCompleted();
        }
        for (String project : ofEvents) {
            deleteEvents(tables, RollupChunk.ofRowsOf(project), before);
            progress.partCompleted();
        }
    }

    /** Rows that others write meanwhile into partitions that were empty are left to the next call. */
    private void deleteByTime(DependantTables tables, Instant before) throws SQLException {
        List<FilledTime> times = new ArrayList<>();
        jdbc.transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, connection -> {
            filled = FilledTime.around(filledTimes.before(connection, sql.shape(), FilledTime.LAST));
            return times.addAll(filledTimes.before(
                    connection, sql.shape(), RollupSql.nextHour(before).toString()));
        });
        Collections.reverse(times);
        progress.started(2L * times.size());
        for (FilledTime time : times) {
            deleteDeliveries(tables, RollupChunk.ofTime(time), before);
            progress.partCompleted();
        }
        for (FilledTime time : times) {
            deleteEvents(tables, RollupChunk.ofTime(time), before);
            progress.partCompleted();
        }
    }

    private List<String> projects(String statement) throws SQLException {
        return jdbc.transaction(
                Jdbc.Mode.READ_ONLY,
                TIMEOUT,
                connection -> sql.call(connection, statement).list(row -> row.text("project_id")));
    }

    private void deleteDeliveries(DependantTables tables, RollupChunk part, Instant before) throws SQLException {
        Batch batch;
        do {
            batch = batch(
                    deliveryRows,
                    Jdbc.Mode.WRITE_SNAPSHOT,
                    (connection, limit) -> deleteDeliveries(connection, tables, part, before, limit));
            if (batch.deliveries() < batch.lookedAt()) {
                throw new UsageStorageException(
                        (batch.lookedAt() - batch.deliveries()) + " of " + batch.lookedAt() + " old deliveries of "
                                + part.inWords() + " weren't deleted from " + sql.table("deliveries")
                                + ": a trigger, a rule or a policy keeps them; change it for this role, or delete as another"
                                + " role",
                        null);
            }
        } while (!batch.isLast());
    }

    private Batch deleteDeliveries(
            Connection connection,
            DependantTables tables,
            RollupChunk part,
            Instant before,
            AdaptiveBatchSize.Batch limit)
            throws SQLException {
        limit.start();
        Batch batch = tables.call(connection, "deliveries", "delete-deliveries", fragments(part))
                .texts(part.parameters())
                .texts(filled)
                .instant("before", before)
                .number("rows", limit.size())
                .one(row -> {
                    checkWrittenBack(row);
                    return new Batch(
                            limit.size(), row.number("looked_at"), row.number("deleted"), 0, row.number("dependants"));
                });
        if (batch.deliveries() > 0) {
            // In a rewritten partition it would have taken events for missing ones.
            RollupChunk.checkNotRewritten(connection, sql, Optional.empty());
        }
        if (part.isOfTime() && batch.deliveries() > 0) {
            checkFilled(connection);
        }
        return batch;
    }

    private Map<String, String> fragments(RollupChunk part) {
        boolean isBounded = !FilledTime.LAST.equals(filled.get("filled_upper"));
        return part.retention(sql.shape(), isBounded);
    }

    /** Refuses to keep sums of rows once more. */
    private void checkWrittenBack(SqlRow row) throws SQLException {
        if (row.flag("are_written_back")) {
            throw UsageStorageException.permanent(
                    "retention of the roll-ups in the schema " + Identifiers.quote(sql.schema())
                            + " failed after deleting "
                            + deliveries + " deliveries and " + events + " events, whose sums are retained: "
                            + RetainedDoubt.writtenBack(sql),
                    null);
        }
    }

    private void deleteEvents(DependantTables tables, RollupChunk part, Instant before) throws SQLException {
        long kept = 0;
        Batch batch;
        do {
            long passedOver = kept;
            batch = batch(
                    eventRows,
                    Jdbc.Mode.WRITE,
                    (connection, limit) -> deleteEvents(connection, tables, part, before, passedOver, limit));
            kept += batch.lookedAt() - batch.events();
        } while (!batch.isLast());
        keptEvents += kept;
    }

    /**
     * Deletes a batch of events. It is a step of the roll-ups, too, so that deleted events don't get into the change log.
     *
     * <p>In READ COMMITTED: one statement deletes the rows and retains what they counted. The foreign key, or the trigger that
     * stands for it, checks for each event as it is deleted whether a delivery has been inserted since; in REPEATABLE READ it would
     * see no further than the batch's snapshot.
     *
     * <p>Partitions are locked when a statement is planned, before its snapshot.
     */
    private Batch deleteEvents(
            Connection connection,
            DependantTables tables,
            RollupChunk part,
            Instant before,
            long kept,
            AdaptiveBatchSize.Batch limit)
            throws SQLException {
        sql.call(connection, part.isOfTime() ? "lock-parents" : "lock-tables").execute();
        sql.call(connection, "count-step").execute();
        limit.start();
        long rows = limit.size();
        Map<String, String> fragments = fragments(part);
        Batch uncounted = oldEvents(
                        tables.call(connection, "deliveries", "delete-uncounted-deliveries", fragments),
                        part,
                        before,
                        kept,
                        rows)
                .one(row -> new Batch(rows, 0, row.number("deleted"), 0, row.number("dependants")));
        Batch deleted = oldEvents(
                        tables.call(connection, "events", "delete-events", fragments), part, before, kept, rows)
                .one(row -> {
                    checkWrittenBack(row);
                    return new Batch(
                            rows,
                            row.number("looked_at"),
                            uncounted.deliveries(),
                            row.number("deleted"),
                            uncounted.dependants() + row.number("dependants"));
                });
        if (part.isOfTime() && deleted.events() > 0) {
            checkFilled(connection);
        }
        return deleted;
    }

    /** Rolls a batch back where events of its deliveries, or the reverse, may be in partitions that were empty when it was found out which aren't. */
    private void checkFilled(Connection connection) throws SQLException {
        Map<String, String> now = FilledTime.around(filledTimes.before(connection, sql.shape(), FilledTime.LAST));
        if (!now.equals(filled)) {
            filled = now;
            throw SqlErrors.writeConflict("a partition that was empty was written to");
        }
    }

    private SqlCall oldEvents(SqlCall call, RollupChunk part, Instant before, long kept, long rows) {
        return call.texts(part.parameters())
                .texts(filled)
                .instant("before", before)
                .number("kept", kept)
                .number("rows", rows);
    }

    /** Counts of a committed batch, and to how many rows it was limited. */
    private record Batch(long rows, long lookedAt, long deliveries, long events, long dependants) {
        boolean isLast() {
            return lookedAt < rows;
        }
    }

    @FunctionalInterface
    private interface Work {
        Batch run(Connection connection, AdaptiveBatchSize.Batch limit) throws SQLException;
    }

    private Batch batch(AdaptiveBatchSize size, Jdbc.Mode mode, Work work) throws SQLException {
        Jdbc.checkInterrupt("deleting old rows");
        Batch batch = size.run(pace.budget(), () -> !Thread.currentThread().isInterrupted(), limit -> {
            Batch completed = retried(mode, connection -> work.run(connection, limit));
            limit.had(completed.lookedAt());
            return completed;
        });
        deliveries += batch.deliveries();
        events += batch.events();
        dependantRows += batch.dependants();
        if (batch.deliveries() + batch.events() > 0) {
            progress.deleted(batch.deliveries(), batch.events());
        }
        return batch;
    }

    /** Retries a batch after conflicts with the host's transactions, among them deliveries inserted for an event without any. */
    private Batch retried(Jdbc.Mode mode, Jdbc.Work<Batch> work) throws SQLException {
        long deadline = System.nanoTime() + pace.retryBudget().toNanos();
        int violations = 0;
        while (true) {
            try {
                return inTransaction(mode, work);
            } catch (SQLException e) {
                violations += SqlErrors.isForeignKeyViolation(e) ? 1 : 0;
                boolean retriable = SqlErrors.isWriteConflict(e)
                        || SqlErrors.isLockConflict(e)
                        || SqlErrors.isForeignKeyViolation(e);
                if (!retriable || violations == FOREIGN_KEY_ATTEMPTS || System.nanoTime() > deadline) {
                    throw e;
                }
                Jdbc.checkInterrupt("deleting old rows");
            }
        }
    }

    private Batch inTransaction(Jdbc.Mode mode, Jdbc.Work<Batch> work) throws SQLException {
        Jdbc.Work<Batch> marked = connection -> {
            sql.call(connection, "mark-retention").execute();
            return work.run(connection);
        };
        if (mode.hasOneSnapshot()) {
            List<String> tables = List.of(sql.table("events"), sql.table("deliveries"));
            return jdbc.snapshot(mode, TIMEOUT, pace.lockTimeout(), tables, marked);
        }
        return jdbc.transaction(mode, TIMEOUT, connection -> {
            Jdbc.limit(connection, "lock_timeout", pace.lockTimeout());
            return marked.run(connection);
        });
    }

    private static UsageStorageException failed(
            String schema, long deliveries, long events, String inTheWay, SQLException e) {
        return SqlErrors.storageFailure(
                "retention of the roll-ups in the schema " + Identifiers.quote(schema) + " failed after deleting "
                        + deliveries + " deliveries and " + events + " events, whose sums are retained" + inTheWay,
                e);
    }
}
