package io.usagekit.postgres.rollups;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The steps by which roll-ups are maintained, on one connection, by whoever holds the lock of those who roll. Each step is one
 * transaction, or leaves everything as it was.
 *
 * <p>Why a reader that sees a rolled hour also sees a mark for each change that the hour lacks:
 *
 * <ol>
 *   <li>An hour is rolled in one REPEATABLE READ transaction, and the marks that go with it are those that its snapshot sees. A
 *       change that the snapshot doesn't see has a mark that it doesn't see either.
 *   <li>Changes that found the threshold too low to be marked belong to transactions that had locked the table for writing
 *       before the threshold was published. They are waited for before the snapshot is taken.
 *   <li>The lock of those who roll is taken before the transaction begins, so that the snapshot is younger than the last step of
 *       whoever held the lock before.
 *   <li>An event's size also counts in the hours of its deliveries. What changed is noted by the event, and its deliveries are
 *       looked up by whoever reads the note, in the same snapshot.
 * </ol>
 */
final class RollupTransactions {

    /** What keeps the roll-ups exact. Production keeps all of them; tests leave one out to see that it is missed. */
    enum Guard {
        WAIT_FOR_WRITERS,
        /** Prepared transactions are writers, too. */
        WAIT_FOR_PREPARED,
        ONE_SNAPSHOT
    }

    /** Where a step can be interrupted. */
    enum Point {
        PUBLISHED,
        LISTED,
        WAITED,
        BEGUN,
        CHOSEN,
        FORGOTTEN,
        ROLLED,
        UNMARKED,
        TO_BE_COMMITTED,
        COMMITTED
    }

    /** Told of each point; tests interrupt there. */
    @FunctionalInterface
    interface Probe {
        Probe NONE = (step, point) -> {};

        void at(String step, Point point) throws SQLException;
    }

    private static final String SERIALIZATION_FAILURE = "40001";
    private static final String DEADLOCK_DETECTED = "40P01";
    private static final int ATTEMPTS = 10;
    private static final Duration SHORTEST_POLL = Duration.ofMillis(5);
    private static final Duration LONGEST_POLL = Duration.ofMillis(500);

    private final Connection connection;
    private final RollupSql sql;
    private final Duration timeout;
    private final Set<Guard> guards;
    private final Probe probe;

    /**
     * On a connection in auto-commit mode, whose isolation is set; its owner sets it back.
     *
     * @param timeout for each statement of a step
     */
    RollupTransactions(Connection connection, RollupSql sql, Duration timeout, Set<Guard> guards, Probe probe)
            throws SQLException {
        connection.setTransactionIsolation(
                guards.contains(Guard.ONE_SNAPSHOT)
                        ? Connection.TRANSACTION_REPEATABLE_READ
                        : Connection.TRANSACTION_READ_COMMITTED);
        this.connection = connection;
        this.sql = sql;
        this.timeout = timeout;
        this.guards = Set.copyOf(guards);
        this.probe = probe;
    }

    /** Before which hours are rolled; empty if none are. */
    Optional<Instant> coveredBefore() throws SQLException {
        try (PreparedStatement statement = sql.statement("rollups-covered.sql").prepare(connection, Map.of());
                ResultSet row = statement.executeQuery()) {
            row.next();
            return instant(row, "covered_before");
        }
    }

    /** From here on changes of rows before this instant are marked, also those of transactions that have begun. */
    void publish(Instant markBefore) throws SQLException {
        execute("rollups-publish-threshold.sql", Map.of("mark_before", markBefore));
        probe.at("advance", Point.PUBLISHED);
    }

    /**
     * Waits for the transactions that may have read an older threshold. A transaction that is prepared meanwhile changes its
     * name, so once the others are gone those that are prepared by then are waited for, too.
     *
     * @return those that are still there when the time is over; none if all have ended
     */
    List<String> awaitWriters(Duration patience) throws SQLException {
        if (!guards.contains(Guard.WAIT_FOR_WRITERS)) {
            return List.of();
        }
        long deadline = System.nanoTime() + patience.toNanos();
        Map<String, Writer> awaited = writers();
        probe.at("advance", Point.LISTED);
        boolean preparedOnesOnly = false;
        for (long poll = SHORTEST_POLL.toNanos();
                !awaited.isEmpty();
                poll = Math.min(poll * 2, LONGEST_POLL.toNanos())) {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
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
        probe.at("advance", Point.WAITED);
        return List.of();
    }

    private record Writer(String id, boolean prepared, String name) {}

    private Map<String, Writer> writers() throws SQLException {
        Map<String, Writer> writers = new LinkedHashMap<>();
        try (PreparedStatement statement = sql.statement("rollups-writers.sql").prepare(connection, sql.names());
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                Writer writer = new Writer(row.getString("id"), row.getBoolean("prepared"), row.getString("name"));
                if (!writer.prepared() || guards.contains(Guard.WAIT_FOR_PREPARED)) {
                    writers.put(writer.id(), writer);
                }
            }
        }
        return writers;
    }

    private static void pause(long nanos) throws SQLException {
        try {
            Thread.sleep(Duration.ofNanos(nanos).toMillis() + 1);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SQLException("interrupted while waiting for those who write", e);
        }
    }

    /**
     * Rolls each project's hours up to the target, which has been published and waited for, but at most so many at a time.
     *
     * @return before which hours are rolled now
     */
    Instant advance(Instant target, long hours) throws SQLException {
        return step("advance", covered -> {
                    Instant upper = covered.isEmpty()
                                    || covered.get()
                                            .plus(Duration.ofHours(hours))
                                            .isAfter(target)
                            ? target
                            : covered.get().plus(Duration.ofHours(hours));
                    execute("rollups-span-advance.sql", Map.of("upper", upper));
                    probe.at("advance", Point.CHOSEN);
                    rollSpan("advance");
                    execute("rollups-forget-marks.sql", Map.of());
                    probe.at("advance", Point.UNMARKED);
                    execute("rollups-cover-before.sql", Map.of("upper", upper));
                    execute("rollups-end-span.sql", Map.of());
                    return Optional.of(upper);
                })
                .orElseThrow();
    }

    /** Rolls new projects from here on. */
    void adopt() throws SQLException {
        step("adopt", covered -> {
            long adopted = update("rollups-adopt.sql", Map.of());
            return adopted == 0 ? Optional.empty() : Optional.of(adopted);
        });
    }

    /**
     * Marks the hours of the deliveries of events that have changed.
     *
     * @param events at most so many
     * @return how many there were
     */
    long resolveChangedEvents(long events) throws SQLException {
        return step("resolve", covered -> {
                    long resolved = query("rollups-resolve-changed.sql", Map.of("events", Long.toString(events)));
                    probe.at("resolve", Point.CHOSEN);
                    return resolved == 0 ? Optional.empty() : Optional.of(resolved);
                })
                .orElse(0L);
    }

    /**
     * Marks the hours of deliveries whose event has come after all.
     *
     * @param after only orphans with a greater id are looked at
     * @return after which to look next
     */
    long resolveOrphans(long after, long orphans) throws SQLException {
        return step(
                        "orphans",
                        covered -> Optional.of(query(
                                "rollups-resolve-orphans.sql",
                                Map.of("after", Long.toString(after), "orphans", Long.toString(orphans)))))
                .orElse(0L);
    }

    /**
     * Rolls marked hours anew.
     *
     * @param buckets at most so many
     * @return how many there were
     */
    long reroll(long buckets) throws SQLException {
        return step("re-roll", covered -> {
                    long marked = query("rollups-span-marked.sql", Map.of("buckets", Long.toString(buckets)));
                    if (marked == 0) {
                        return Optional.empty();
                    }
                    probe.at("re-roll", Point.CHOSEN);
                    execute("rollups-drop-uncovered.sql", Map.of());
                    rollSpan("re-roll");
                    execute("rollups-forget-marks.sql", Map.of());
                    probe.at("re-roll", Point.UNMARKED);
                    execute("rollups-end-span.sql", Map.of());
                    return Optional.of(marked);
                })
                .orElse(0L);
    }

    /**
     * Rolls a piece of history.
     *
     * @param rows about so many events and as many deliveries
     * @return whether there was something left to roll
     */
    boolean backfill(long rows) throws SQLException {
        return step("back-fill", covered -> {
                    if (covered.isEmpty()
                            || update("rollups-span-backfill.sql", Map.of("rows", Long.toString(rows))) == 0) {
                        return Optional.empty();
                    }
                    probe.at("back-fill", Point.CHOSEN);
                    rollSpan("back-fill");
                    execute("rollups-forget-marks.sql", Map.of());
                    probe.at("back-fill", Point.UNMARKED);
                    execute("rollups-cover-from.sql", Map.of());
                    execute("rollups-end-span.sql", Map.of());
                    return Optional.of(true);
                })
                .orElse(false);
    }

    /** Forgets what is rolled: changes were missed. */
    void reset() throws SQLException {
        step("reset", covered -> {
            execute("rollups-reset.sql", Map.of());
            execute("rollups-reset-projects.sql", Map.of());
            return Optional.of(true);
        });
    }

    private void rollSpan(String step) throws SQLException {
        execute("rollups-forget.sql", Map.of());
        execute("rollups-forget-orphans.sql", Map.of());
        probe.at(step, Point.FORGOTTEN);
        execute("rollups-roll.sql", Map.of());
        probe.at(step, Point.ROLLED);
    }

    @FunctionalInterface
    private interface Work<T> {
        Optional<T> run(Optional<Instant> coveredBefore) throws SQLException;
    }

    /** Commits if there is a result, and leaves everything as it was if there is none. */
    private <T> Optional<T> step(String name, Work<T> work) throws SQLException {
        for (int attempt = 1; ; attempt++) {
            try {
                return attempt(name, work);
            } catch (SQLException e) {
                boolean again =
                        SERIALIZATION_FAILURE.equals(e.getSQLState()) || DEADLOCK_DETECTED.equals(e.getSQLState());
                if (!again || attempt == ATTEMPTS) {
                    throw e;
                }
            }
        }
    }

    private <T> Optional<T> attempt(String name, Work<T> work) throws SQLException {
        connection.setAutoCommit(false);
        try {
            // None of these takes the snapshot; the first that does is the one that counts the step.
            try (Statement statement = connection.createStatement()) {
                statement.execute("set local statement_timeout = " + timeout.toMillis());
                statement.execute("set local plan_cache_mode = force_custom_plan");
                statement.execute("set local jit = off");
            }
            execute("rollups-lock-tables.sql", Map.of());
            Optional<Instant> covered = beginStep();
            probe.at(name, Point.BEGUN);
            Optional<T> result = work.run(covered);
            if (result.isEmpty()) {
                connection.rollback();
            } else {
                probe.at(name, Point.TO_BE_COMMITTED);
                connection.commit();
                probe.at(name, Point.COMMITTED);
            }
            connection.setAutoCommit(true);
            return result;
        } catch (SQLException | RuntimeException e) {
            undo(e);
            throw e;
        }
    }

    private void undo(Exception reason) {
        try {
            if (!connection.isClosed()) {
                connection.rollback();
                connection.setAutoCommit(true);
            }
        } catch (SQLException e) {
            reason.addSuppressed(e);
        }
    }

    private Optional<Instant> beginStep() throws SQLException {
        try (PreparedStatement statement =
                        sql.statement("rollups-begin-step.sql").prepare(connection, Map.of());
                ResultSet row = statement.executeQuery()) {
            if (!row.next()) {
                throw new SQLException("the roll-ups in the schema " + sql.schema() + " have lost their state");
            }
            return instant(row, "covered_before");
        }
    }

    static Optional<Instant> instant(ResultSet row, String column) throws SQLException {
        return Optional.ofNullable(row.getObject(column, OffsetDateTime.class)).map(OffsetDateTime::toInstant);
    }

    private void execute(String resource, Map<String, ?> values) throws SQLException {
        try (PreparedStatement statement = sql.statement(resource).prepare(connection, values)) {
            statement.execute();
        }
    }

    private long update(String resource, Map<String, ?> values) throws SQLException {
        try (PreparedStatement statement = sql.statement(resource).prepare(connection, values)) {
            return statement.executeLargeUpdate();
        }
    }

    private long query(String resource, Map<String, ?> values) throws SQLException {
        try (PreparedStatement statement = sql.statement(resource).prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            row.next();
            return row.getLong(1);
        }
    }
}
