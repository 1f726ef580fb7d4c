package io.usagekit.postgres.events;

import io.usagekit.events.EventLedgerException;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlErrors;
import java.sql.SQLException;

/** Runs the ledger's work in transactions; a driver's exception becomes an {@link EventLedgerException}. */
interface LedgerTransactions {

    /**
     * Runs work of which nothing is left if it fails.
     *
     * @param failure the beginning of the error message, e.g. {@code the events can't be read}
     */
    <T> T run(Jdbc.Mode mode, String failure, Jdbc.Work<T> work);

    /** Runs work that is right only with the snapshots of its mode. Fails where they are others. */
    <T> T runIsolated(Jdbc.Mode mode, String failure, Jdbc.Work<T> work);

    /** The exception of a call that an error ended. */
    static EventLedgerException failed(String failure, SQLException e) {
        String message = failure + ": " + SqlErrors.message(e);
        return SqlErrors.isPermanent(e)
                ? EventLedgerException.permanent(message, e)
                : new EventLedgerException(message, e);
    }
}
