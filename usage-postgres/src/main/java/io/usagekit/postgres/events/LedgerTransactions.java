package io.usagekit.postgres.events;

import io.usagekit.events.EventLedgerException;
import io.usagekit.postgres.internal.Jdbc;
import java.sql.SQLException;
import java.sql.SQLTimeoutException;
import java.time.Duration;
import javax.sql.DataSource;

/** Runs the ledger's transactions; no driver's exception gets out of them. */
record LedgerTransactions(DataSource dataSource, Duration timeout) {

    private static final String QUERY_CANCELED = "57014";

    /**
     * Runs one.
     *
     * @param what can't be done, for the error message, e.g. {@code the events can't be read}
     */
    <T> T run(Jdbc.Mode mode, String what, Jdbc.Work<T> work) {
        try {
            return Jdbc.run(dataSource, mode, timeout, work);
        } catch (SQLException e) {
            throw explain(what, e);
        }
    }

    EventLedgerException explain(String what, SQLException e) {
        return new EventLedgerException(
                QUERY_CANCELED.equals(e.getSQLState()) || e instanceof SQLTimeoutException
                        ? what + " within " + timeout
                        : what + ": " + e.getMessage(),
                e);
    }
}
