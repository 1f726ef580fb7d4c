package io.usagekit.postgres.internal;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;

/**
 * Runs transactions that lock the host's tables: each waits for its locks for a short time, is rolled back if it doesn't get them, and
 * is tried again. Measures the longest time for which it may have made other sessions wait. Not thread-safe.
 */
public final class LockRetrier {

    /**
     * The time limits of waits for locks.
     *
     * @param lockTimeout how long a transaction waits for all of its locks together. Less than PostgreSQL's
     *     {@code deadlock_timeout}, so that in a deadlock with a host's transaction this one fails
     * @param pause the time before the next attempt
     * @param patience after which time there is no further attempt
     */
    public record Pace(Duration lockTimeout, Duration pause, Duration patience) {
        public static final Pace DEFAULT =
                new Pace(Duration.ofMillis(500), Duration.ofMillis(50), Duration.ofMinutes(10));
    }

    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    private static final Duration SHORTEST = Duration.ofMillis(1);

    /** Of PostgreSQL. */
    private static final int FIRST_TO_OVERTAKE_WITHOUT_WAIT = 17;

    private final DataSource dataSource;
    private final Pace pace;
    private Duration longest = Duration.ZERO;

    public LockRetrier(DataSource dataSource, Pace pace) {
        this.dataSource = dataSource;
        this.pace = pace;
    }

    public Pace pace() {
        return pace;
    }

    public Duration longest() {
        return longest;
    }

    /**
     * A statement that takes several locks waits for each of them as long as for one, and has the first ones meanwhile: {@code alter
     * table} that adds a foreign key to a partitioned table waits for three.
     */
    private static final int LOCKS_AT_MOST = 4;

    /** Runs a transaction again until it gets its locks, or the patience has passed. */
    public <T> T run(Jdbc.Work<T> work) throws SQLException {
        long deadline = System.nanoTime() + pace.patience().toNanos();
        while (true) {
            try {
                return once(pace.lockTimeout().dividedBy(LOCKS_AT_MOST), work);
            } catch (SQLException e) {
                if (!isBusy(e) || System.nanoTime() > deadline) {
                    throw e;
                }
                pause();
            }
        }
    }

    /** Runs a transaction once. It limits the sum of its waits itself, by {@link #lock}. */
    public <T> T once(Jdbc.Work<T> work) throws SQLException {
        return once(pace.lockTimeout(), work);
    }

    private <T> T once(Duration lockTimeout, Jdbc.Work<T> work) throws SQLException {
        return measured(() -> Jdbc.run(dataSource, Jdbc.Mode.WRITE, TIMEOUT, connection -> {
            Jdbc.limit(connection, "lock_timeout", lockTimeout);
            return work.run(connection);
        }));
    }

    /** Locks tables, all of them within a time; afterwards the transaction has its own timeout again. */
    public static void lock(Connection connection, String tables, String mode, Duration left) throws SQLException {
        if (left.toMillis() < 1) {
            throw SqlErrors.lockNotAvailable("no time is left to lock " + tables);
        }
        Jdbc.limit(connection, "statement_timeout", left);
        Jdbc.execute(connection, "lock table " + tables + " in " + mode + " mode");
        Jdbc.limit(connection, "statement_timeout", TIMEOUT);
    }

    /**
     * Locks tables if no other session holds a conflicting lock: from PostgreSQL 17 on without a wait. Earlier versions fail with
     * {@code NOWAIT} as soon as other sessions wait for weaker locks, which this one may overtake; there it waits for a millisecond.
     *
     * @param modes the lock modes by tables
     * @return whether all tables are locked; otherwise none of them is
     */
    public boolean lockedAtOnce(Connection connection, Map<String, String> modes) throws SQLException {
        Savepoint before = connection.setSavepoint();
        String nowait =
                connection.getMetaData().getDatabaseMajorVersion() >= FIRST_TO_OVERTAKE_WITHOUT_WAIT ? " nowait" : "";
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

    /** Whether other sessions held conflicting locks, so that another attempt may succeed. */
    public static boolean isBusy(SQLException e) {
        return SqlErrors.isLockConflict(e) || SqlErrors.isCancelled(e);
    }

    public void pause() {
        LockSupport.parkNanos(pace.pause().toNanos());
    }

    private interface Action<T> {
        T run() throws SQLException;
    }

    private <T> T measured(Action<T> action) throws SQLException {
        long began = System.nanoTime();
        try {
            return action.run();
        } finally {
            Duration took = Duration.ofNanos(System.nanoTime() - began);
            longest = took.compareTo(longest) > 0 ? took : longest;
        }
    }
}
