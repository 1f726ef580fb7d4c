package io.usagekit.postgres.events;

import io.usagekit.events.EventLedgerException;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlErrors;
import java.sql.SQLException;
import java.time.Duration;

/** A transaction of its own for each work, with the ledger's timeout. */
record OwnTransactions(Jdbc jdbc, Duration timeout) implements LedgerTransactions {

    @Override
    public <T> T run(Jdbc.Mode mode, String failure, Jdbc.Work<T> work) {
        try {
            return jdbc.transaction(mode, timeout, work);
        } catch (SQLException e) {
            throw SqlErrors.isTimeout(e)
                            && !SqlErrors.isPermanent(e)
                            && !Thread.currentThread().isInterrupted()
                    ? new EventLedgerException(failure + " within " + timeout, e)
                    : LedgerTransactions.failed(failure, e);
        }
    }

    @Override
    public <T> T runIsolated(Jdbc.Mode mode, String failure, Jdbc.Work<T> work) {
        return run(mode, failure, work);
    }
}
