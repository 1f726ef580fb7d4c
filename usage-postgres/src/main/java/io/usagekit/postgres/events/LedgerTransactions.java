package io.usagekit.postgres.events;

import io.usagekit.events.EventLedgerException;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlErrors;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

/** Runs the ledger's work in transactions; a driver's exception becomes an {@link EventLedgerException}. */
interface LedgerTransactions {

    /**
     * Runs work of which nothing is left if it fails.
     *
     * @param failure the beginning of the error message, e.g. {@code the events can't be read}
     */
    <T> T run(Jdbc.Mode mode, String failure, Jdbc.Work<T> work);

    /**
     * Runs one statement in {@link Jdbc.Mode#WRITE_LOOK_UPS}, of which nothing is left if it fails: in one round trip, if the driver
     * sends texts together.
     *
     * @param call returns the call of the statement, with its values bound
     * @return its first row, if there is one
     */
    <T> Optional<T> single(String failure, Jdbc.Work<SqlCall> call, SqlCall.Reader<T> reader);

    /**
     * Reads tables by several statements.
     *
     * @param tables quoted
     */
    <T> T read(String failure, List<String> tables, Jdbc.Work<T> work);

    /** Reads tables for as long as it takes, all in one snapshot. Fails where the statements see several. */
    <T> T export(String failure, List<String> tables, Jdbc.Work<T> work);

    /** Runs work that is right only with the snapshots of its mode. Fails where they are others. */
    <T> T runIsolated(Jdbc.Mode mode, String failure, Jdbc.Work<T> work);

    /** Fails where the statements of the transaction that runs have other snapshots than those of a mode. */
    void requireSnapshots(Jdbc.Mode mode) throws SQLException;

    /** The end of a call that begins now. */
    CallDeadline deadline();

    /** The exception of a call that an error ended. */
    static EventLedgerException failed(String failure, SQLException e) {
        String message = failure + ": " + SqlErrors.message(e)
                + (SqlErrors.meansChangedShape(e) ? "; PostgresLedger.install() creates what is missing" : "");
        return SqlErrors.isPermanent(e)
                ? EventLedgerException.permanent(message, e)
                : new EventLedgerException(message, e);
    }
}
