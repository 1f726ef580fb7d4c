package io.usagekit.postgres.events;

import io.usagekit.events.EventLedgerException;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlErrors;
import java.sql.SQLException;
import java.time.Duration;

/** Runs the ledger's transactions, each with the ledger's timeout; a driver's exception becomes an {@link EventLedgerException}. */
record LedgerTransactions(Jdbc jdbc, Duration timeout) {

    /**
     * Runs a transaction.
     *
     * @param failure the beginning of the error message, e.g. {@code the events can't be read}
     */
    <T> T run(Jdbc.Mode mode, String failure, Jdbc.Work<T> work) {
        try {
            return jdbc.transaction(mode, timeout, work);
        } catch (SQLException e) {
            throw explain(failure, e);
        }
    }

    EventLedgerException explain(String failure, SQLException e) {
        return new EventLedgerException(
                SqlErrors.isTimeout(e) ? failure + " within " + timeout : failure + ": " + e.getMessage(), e);
    }
}
