package io.usagekit.postgres.internal;

import io.usagekit.UsageCacheException;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.driver.OpenTransaction;
import java.sql.SQLException;
import java.sql.SQLTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** What PostgreSQL's errors mean, by their SQLSTATE. */
public final class SqlErrors {

    private static final String DATA_EXCEPTION = "22";
    private static final String INVALID_AUTHORIZATION_CLASS = "28";
    private static final String INVALID_CATALOG_NAME = "3D000";
    private static final String CANNOT_COERCE = "42846";
    private static final String FEATURE_NOT_SUPPORTED = "0A000";
    private static final String INVALID_DATETIME_FORMAT = "22007";
    private static final String INVALID_TEXT_REPRESENTATION = "22P02";
    private static final String FOREIGN_KEY_VIOLATION = "23503";

    /** Of a foreign key with {@code RESTRICT}, since PostgreSQL 18. */
    private static final String RESTRICT_VIOLATION = "23001";

    private static final String UNIQUE_VIOLATION = "23505";
    private static final String CHECK_VIOLATION = "23514";
    private static final String INVALID_SCHEMA_NAME = "3F000";
    private static final String SERIALIZATION_FAILURE = "40001";
    private static final String DEADLOCK_DETECTED = "40P01";
    private static final String INSUFFICIENT_PRIVILEGE = "42501";
    private static final String UNDEFINED_COLUMN = "42703";
    private static final String DATATYPE_MISMATCH = "42804";
    private static final String UNDEFINED_FUNCTION = "42883";
    private static final String UNDEFINED_TABLE = "42P01";
    private static final String LOCK_NOT_AVAILABLE = "55P03";
    private static final String QUERY_CANCELED = "57014";

    private static final Set<String> CHANGED_SHAPE =
            Set.of(UNDEFINED_TABLE, UNDEFINED_COLUMN, INVALID_SCHEMA_NAME, DATATYPE_MISMATCH, UNDEFINED_FUNCTION);
    private static final Set<String> MAYBE_CHANGED_SHAPE =
            Set.of(CANNOT_COERCE, FEATURE_NOT_SUPPORTED, INVALID_DATETIME_FORMAT, INVALID_TEXT_REPRESENTATION);
    private static final Set<String> UNREADABLE =
            Set.of(UNDEFINED_TABLE, UNDEFINED_COLUMN, INVALID_SCHEMA_NAME, INSUFFICIENT_PRIVILEGE);
    private static final Set<String> PERMANENT = Set.of(
            OpenTransaction.ACTIVE_SQL_TRANSACTION,
            INVALID_CATALOG_NAME,
            INVALID_SCHEMA_NAME,
            UNDEFINED_TABLE,
            UNDEFINED_COLUMN,
            UNDEFINED_FUNCTION,
            INSUFFICIENT_PRIVILEGE,
            DATATYPE_MISMATCH,
            CANNOT_COERCE);
    private static final Set<String> LOCK_CONFLICT = Set.of(LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED);
    private static final Set<String> WRITE_CONFLICT = Set.of(SERIALIZATION_FAILURE, DEADLOCK_DETECTED);

    private static final int MOST_CAUSES = 50;
    private static final Duration SHORTEST = Duration.ofMillis(1);
    private static final Duration LONGEST = Duration.ofDays(1);

    private SqlErrors() {}

    private static boolean is(SQLException e, String state) {
        return state.equals(e.getSQLState());
    }

    private static boolean isOneOf(SQLException e, Set<String> states) {
        return e.getSQLState() != null && states.contains(e.getSQLState());
    }

    /** Whether the server cancelled a statement: its timeout passed, or somebody cancelled it. */
    public static boolean isCancelled(SQLException e) {
        return is(e, QUERY_CANCELED);
    }

    /** Whether the time was over: a statement was cancelled, or there was no connection in time. */
    public static boolean isTimeout(SQLException e) {
        return isCancelled(e) || e instanceof SQLTimeoutException;
    }

    /**
     * Whether a value was at fault: an id that doesn't fit its column or the check of its domain, or a sum that exceeds bigint (SQLSTATE
     * class 22, 23514).
     */
    public static boolean isDataError(SQLException e) {
        return e.getSQLState() != null && (e.getSQLState().startsWith(DATA_EXCEPTION) || is(e, CHECK_VIOLATION));
    }

    /** Whether the tables have to be looked up again: one of them, a column or a type isn't what it was. */
    public static boolean meansChangedShape(SQLException e) {
        return isOneOf(e, CHANGED_SHAPE);
    }

    /**
     * Whether tables that were looked up before may have changed since: as {@link #meansChangedShape} says, or a constant of the statement
     * doesn't fit a column's type any more, or the type of a result is another one. An id of the caller's may be at fault as well.
     */
    public static boolean mayMeanChangedShape(SQLException e) {
        return meansChangedShape(e) || isOneOf(e, MAYBE_CHANGED_SHAPE);
    }

    /** Whether this role can't read a table: it, its schema or a column is missing, or a privilege is. */
    public static boolean isUnreadable(SQLException e) {
        return isOneOf(e, UNREADABLE);
    }

    /** Whether others held a lock: for longer than the lock timeout, or in a deadlock. */
    public static boolean isLockConflict(SQLException e) {
        return isOneOf(e, LOCK_CONFLICT);
    }

    /** Whether PostgreSQL ended a deadlock by this error. */
    public static boolean isDeadlock(SQLException e) {
        return is(e, DEADLOCK_DETECTED);
    }

    /** Whether another transaction changed the same rows: a serialization failure or a deadlock. */
    public static boolean isWriteConflict(SQLException e) {
        return isOneOf(e, WRITE_CONFLICT);
    }

    /** Returns an error of a transaction that is to run again, since another one has changed what it has read. */
    public static SQLException writeConflict(String message) {
        return new SQLException(message, SERIALIZATION_FAILURE);
    }

    /** Whether a row refers to another one that is missing, or is referred to. */
    public static boolean isForeignKeyViolation(SQLException e) {
        return is(e, FOREIGN_KEY_VIOLATION) || is(e, RESTRICT_VIOLATION);
    }

    /** Whether a unique value is taken. */
    public static boolean isUniqueViolation(SQLException e) {
        return is(e, UNIQUE_VIOLATION);
    }

    /** An error that is a {@linkplain #isLockConflict lock conflict}, found by this side. */
    public static SQLException lockNotAvailable(String message) {
        return new SQLException(message, LOCK_NOT_AVAILABLE);
    }

    /**
     * Checks the bounds of a computation's timeout.
     *
     * @throws IllegalArgumentException if it is out of them
     */
    public static void checkTimeout(Duration timeout) {
        if (timeout.compareTo(SHORTEST) < 0 || timeout.compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException(
                    "timeout must be between " + SHORTEST + " and " + LONGEST + ", but was " + timeout);
        }
    }

    /** Returns what is left of a timeout since a nano time, at least the shortest that {@link #checkTimeout} allows. */
    public static Duration leftOf(Duration timeout, long start) {
        Duration left = timeout.minusNanos(System.nanoTime() - start);
        return left.compareTo(SHORTEST) < 0 ? SHORTEST : left;
    }

    /**
     * Whether the error lasts until somebody corrects a setting or the schema: the password, the database, a privilege, or a
     * schema, table, column or type that isn't what the mapping says. Looks into the causes too: a pool whose connections are
     * refused says only that it has none.
     */
    public static boolean isPermanent(SQLException e) {
        return chain(e).stream().anyMatch(cause -> cause instanceof SQLException known && isPermanentState(known));
    }

    private static boolean isPermanentState(SQLException e) {
        String state = e.getSQLState();
        return state != null && (state.startsWith(INVALID_AUTHORIZATION_CLASS) || PERMANENT.contains(state));
    }

    private static List<Throwable> chain(Throwable error) {
        List<Throwable> chain = new ArrayList<>();
        Throwable next = error;
        while (next != null && chain.size() < MOST_CAUSES) {
            chain.add(next);
            next = next.getCause();
        }
        return chain;
    }

    /** Returns the error's message, with that of its deepest SQL error where that says more, as behind a pool. */
    public static String message(SQLException e) {
        String message = String.valueOf(e.getMessage());
        List<Throwable> chain = chain(e);
        for (int i = chain.size() - 1; i > 0; i--) {
            String cause = chain.get(i).getMessage();
            if (chain.get(i) instanceof SQLException && cause != null && !message.contains(cause)) {
                return message + ": " + cause;
            }
        }
        return message;
    }

    /** The exception of a computation that an error ended. */
    public static UsageCalculationException explain(UsageKey key, Duration timeout, SQLException e) {
        if (!isPermanent(e) && isTimeout(e) && !Thread.currentThread().isInterrupted()) {
            return new UsageCalculationException("the usage of " + key + " wasn't computed within " + timeout, e);
        }
        return calculationFailure("the usage of " + key + " can't be computed", e);
    }

    /** The exception of a read that an error ended. */
    public static UsageCalculationException calculationFailure(String what, SQLException e) {
        String message = what + ": " + message(e);
        return isPermanent(e)
                ? UsageCalculationException.permanent(message, e)
                : new UsageCalculationException(message, e);
    }

    /** The exception of a call to the cache that an error ended. */
    public static UsageCacheException cacheFailure(String what, SQLException e) {
        String message = what + ": " + message(e)
                + (meansChangedShape(e) ? "; PostgresCache.install() creates what is missing" : "");
        return isPermanent(e) ? UsageCacheException.permanent(message, e) : new UsageCacheException(message, e);
    }

    /** The exception of an operation on what is stored that an error ended. */
    public static UsageStorageException storageFailure(String what, SQLException e) {
        String message = what + ": " + message(e);
        return isPermanent(e) ? UsageStorageException.permanent(message, e) : new UsageStorageException(message, e);
    }
}
