package io.usagekit.postgres.internal;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;

/**
 * Runs transactions that lock the host's tables: each waits briefly for its locks, is cancelled where other sessions hold them, and is
 * tried again. Records how long other sessions may have waited at most. Not thread-safe.
 */
public final class LockRetrier {

    /**
     * How locks are waited for.
     *
     * @param lockTimeout how long a transaction waits for all of its locks. Less than PostgreSQL's {@code deadlock_timeout}, so that in
     *     a deadlock with a host's transaction this one is cancelled
     * @param pause between two attempts
     * @param budget how long attempts are repeated
     */
    public record Pace(Duration lockTimeout, Duration pause, Duration budget) {
        public static final Pace DEFAULT =
                new Pace(Duration.ofMillis(500), Duration.ofMillis(50), Duration.ofMinutes(10));

        public Pace withBudget(Duration newBudget) {
            return new Pace(lockTimeout, pause, newBudget);
        }
    }

    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    private static final Duration SHORTEST = Duration.ofMillis(1);

    /** The longest pause between two attempts. The pause doubles, so that sessions that queue behind an attempt have most of the time. */
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);

    /**
     * The most locks that one statement acquires. The lock timeout applies to each of them, while the first ones are held: {@code alter
     * table} that adds a foreign key to a partitioned table waits for three.
     */
    private static final int MAX_LOCKS = 4;

    /** The first version of PostgreSQL in which a lock with {@code NOWAIT} may overtake those that queue for weaker ones. */
    private static final int FIRST_WITH_OVERTAKING_NOWAIT = 17;

    /** Where transactions run. */
    private interface Transactions {
        <T> T run(Jdbc.Work<T> work) throws SQLException;
    }

    private final Transactions transactions;
    private final Pace pace;
    private final String remedy;
    private Duration longest = Duration.ZERO;

    private LockRetrier(Transactions transactions, Pace pace, String remedy) {
        this.transactions = transactions;
        this.pace = pace;
        this.remedy = remedy;
    }

    /** Runs each transaction on a connection of its own. */
    public LockRetrier(Jdbc jdbc, Pace pace) {
        this(
                new Transactions() {
                    @Override
                    public <T> T run(Jdbc.Work<T> work) throws SQLException {
                        return jdbc.transaction(Jdbc.Mode.WRITE, TIMEOUT, work);
                    }
                },
                pace,
                "retry when load is lower, or raise lockBudget");
    }

    /** Runs all transactions on this connection, which is in auto-commit mode. */
    static LockRetrier on(Connection connection, Pace pace) {
        return new LockRetrier(
                new Transactions() {
                    @Override
                    public <T> T run(Jdbc.Work<T> work) throws SQLException {
                        return Jdbc.step(connection, Jdbc.Mode.WRITE, TIMEOUT, it -> Optional.of(work.run(it)))
                                .orElseThrow();
                    }
                },
                pace,
                "retry when load is lower, or when the transactions that hold it have ended");
    }

    public Pace pace() {
        return pace;
    }

    /** The longest transaction so far, from its start to the end of its commit or rollback. */
    public Duration longest() {
        return longest;
    }

    /**
     * Runs a transaction again until it acquires its locks.
     *
     * @param object that it locks, for the message
     * @throws SQLException also if it hasn't acquired them within the budget
     */
    public <T> T run(String object, Jdbc.Work<T> work) throws SQLException {
        return repeat(object, LockRetrier::isBusy, () -> once(pace.lockTimeout().dividedBy(MAX_LOCKS), work));
    }

    /**
     * Runs work that limits the wait for its locks by itself again until it acquires them. A statement that was cancelled for the time
     * that it took isn't tried again.
     *
     * @throws SQLException as {@link #run}
     */
    public <T> T repeat(String object, Jdbc.Attempt<T> attempt) throws SQLException {
        return repeat(object, SqlErrors::isLockConflict, attempt);
    }

    private <T> T repeat(String object, Predicate<SQLException> isRepeatable, Jdbc.Attempt<T> attempt)
            throws SQLException {
        long deadline = System.nanoTime() + pace.budget().toNanos();
        for (Duration pause = pace.pause(); ; pause = longer(pause)) {
            try {
                return attempt.run();
            } catch (SQLException e) {
                if (!isRepeatable.test(e)) {
                    throw e;
                }
                if (System.nanoTime() > deadline) {
                    throw new SQLException(
                            "timed out after " + pace.budget() + " waiting for a lock on " + object + " ("
                                    + e.getMessage() + "); " + remedy,
                            e.getSQLState(),
                            e);
                }
                LockSupport.parkNanos(pause.toNanos());
                if (Thread.interrupted()) {
                    Thread.currentThread().interrupt();
                    throw new SQLException("interrupted while waiting for a lock on " + object, e.getSQLState(), e);
                }
            }
        }
    }

    private static Duration longer(Duration pause) {
        Duration twice = pause.multipliedBy(2);
        return twice.compareTo(LONGEST_PAUSE) < 0 ? twice : LONGEST_PAUSE;
    }

    /** Runs a transaction once; it limits the wait for its locks in all by itself. */
    public <T> T once(Jdbc.Work<T> work) throws SQLException {
        return once(pace.lockTimeout(), work);
    }

    private <T> T once(Duration lockTimeout, Jdbc.Work<T> work) throws SQLException {
        long began = System.nanoTime();
        try {
            return transactions.run(connection -> {
                Jdbc.limit(connection, "lock_timeout", lockTimeout);
                return work.run(connection);
            });
        } finally {
            Duration took = Duration.ofNanos(System.nanoTime() - began);
            longest = took.compareTo(longest) > 0 ? took : longest;
        }
    }

    /**
     * Locks tables in the transaction of an attempt, all of them within the lock timeout, so that what follows waits for no lock on them.
     *
     * @param modes by the tables, the strongest locks first
     */
    public void lock(Connection connection, Map<String, String> modes) throws SQLException {
        long deadline = System.nanoTime() + pace.lockTimeout().toNanos();
        for (Map.Entry<String, String> lock : modes.entrySet()) {
            lock(connection, lock.getKey(), lock.getValue(), Duration.ofNanos(deadline - System.nanoTime()));
        }
    }

    /** Locks tables, all of them within a timeout; the transaction then continues with its own timeout. */
    public static void lock(Connection connection, String tables, String mode, Duration timeout) throws SQLException {
        if (timeout.toMillis() < 1) {
            throw SqlErrors.lockNotAvailable("no time is left to lock " + tables);
        }
        Jdbc.limit(connection, "statement_timeout", timeout);
        Jdbc.execute(connection, "lock table " + tables + " in " + mode + " mode");
        Jdbc.limit(connection, "statement_timeout", TIMEOUT);
    }

    /**
     * Locks tables if no other session holds conflicting locks: from PostgreSQL 17 on without queueing. Before that, {@code NOWAIT}
     * fails as soon as others queue for weaker locks, which this one may overtake; there it queues for a millisecond.
     *
     * @param modes by the tables
     * @return whether it has acquired all of the locks; if not, it has none of them
     */
    public boolean lockedAtOnce(Connection connection, Map<String, String> modes) throws SQLException {
        Savepoint before = connection.setSavepoint();
        String nowait =
                connection.getMetaData().getDatabaseMajorVersion() >= FIRST_WITH_OVERTAKING_NOWAIT ? " nowait" : "";
        Jdbc.limit(connection, "lock_timeout", SHORTEST);
        try {
            for (Map.Entry<String, String> lock : modes.entrySet()) {
                Jdbc.execute(connection, "lock table " + lock.getKey() + " in " + lock.getValue() + " mode" + nowait);
            }
        } catch (SQLException e) {
            if (!isBusy(e)) {
                throw e;
            }
            connection.rollback(before);
            return false;
        }
        Jdbc.limit(connection, "lock_timeout", pace.lockTimeout());
        connection.releaseSavepoint(before);
        return true;
    }

    /** Whether other sessions held locks, or the wait for several locks was cancelled; so that the transaction may be tried again. */
    public static boolean isBusy(SQLException e) {
        return SqlErrors.isLockConflict(e) || SqlErrors.isCancelled(e);
    }

    /**
     * Pauses before the next attempt.
     *
     * @param object that is locked, for the message
     * @throws SQLException if the thread is interrupted
     */
    public void pause(String object) throws SQLException {
        LockSupport.parkNanos(pace.pause().toNanos());
        Jdbc.checkInterrupt("waiting for a lock on " + object);
    }
}
