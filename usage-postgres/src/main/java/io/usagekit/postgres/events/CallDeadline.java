package io.usagekit.postgres.events;

import io.usagekit.postgres.internal.Jdbc;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTimeoutException;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * The end of a call that runs several statements in one transaction, in which PostgreSQL limits each statement by itself. Not
 * thread-safe.
 */
interface CallDeadline {

    /** None: for calls of a transaction that isn't the library's. */
    CallDeadline NONE = connection -> {};

    /**
     * Limits the next statement to what is left of the call, give or take a tenth: so a call of a few fast statements needs no round trip.
     *
     * @throws SQLTimeoutException if nothing is left
     */
    void limit(Connection connection) throws SQLException;

    /**
     * A deadline of a call that begins now, and whose transaction limits its statements to the same timeout.
     *
     * @param ticker nanoseconds
     */
    static CallDeadline after(Duration timeout, LongSupplier ticker) {
        return new CallDeadline() {
            private final long began = ticker.getAsLong();
            private Duration limit = timeout;

            @Override
            public void limit(Connection connection) throws SQLException {
                Duration left = timeout.minusNanos(ticker.getAsLong() - began);
                if (left.toMillis() < 1) {
                    throw new SQLTimeoutException("not read within " + timeout);
                }
                if (limit.minus(left).compareTo(timeout.dividedBy(10)) > 0) {
                    Jdbc.limit(connection, "statement_timeout", left);
                    limit = left;
                }
            }
        };
    }
}
