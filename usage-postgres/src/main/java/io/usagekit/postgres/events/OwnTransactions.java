package io.usagekit.postgres.events;

import io.usagekit.events.EventLedgerException;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlErrors;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** A transaction of its own for each work, with the ledger's timeout. */
record OwnTransactions(Jdbc jdbc, Duration timeout) implements LedgerTransactions {

    /** How long the host's sink may take for what has been read. */
    private static final Duration EXPORT_PAUSE = Duration.ofHours(1);

    @Override
    public <T> T run(Jdbc.Mode mode, String failure, Jdbc.Work<T> work) {
        return explaining(failure, () -> jdbc.transaction(mode, timeout, work));
    }

    @Override
    public <T> Optional<T> single(String failure, Jdbc.Work<SqlCall> call, SqlCall.Reader<T> reader) {
        return explaining(failure, () -> jdbc.single(timeout, call, reader));
    }

    @Override
    public <T> T read(String failure, List<String> tables, Jdbc.Work<T> work) {
        return explaining(
                failure, () -> jdbc.snapshot(Jdbc.Mode.READ_ONLY_SNAPSHOT, timeout, Duration.ZERO, tables, work));
    }

    @Override
    public <T> T export(String failure, List<String> tables, Jdbc.Work<T> work) {
        return read(failure, tables, connection -> {
            Jdbc.limit(connection, "idle_in_transaction_session_timeout", EXPORT_PAUSE);
            return work.run(connection);
        });
    }

    private <T> T explaining(String failure, Jdbc.Attempt<T> attempt) {
        try {
            return attempt.run();
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

    @Override
    public CallDeadline deadline() {
        return CallDeadline.after(timeout, System::nanoTime);
    }

    /** Each transaction is begun in its mode. */
    @Override
    public void requireSnapshots(Jdbc.Mode mode) {}
}
