package io.usagekit.postgres.events;

import io.usagekit.postgres.internal.Jdbc;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

/**
 * Refuses rows whose id another row of a partitioned table has: PostgreSQL's unique keys there are of id and time. A transaction looks
 * after it has inserted its rows, which keeps the table from being partitioned, or made plain, until it ends. It needs a snapshot for each
 * statement: that of the look must have what was committed while the locks were waited for.
 */
final class UniqueIds {

    /** The state of PostgreSQL's own unique keys. */
    private static final String UNIQUE_VIOLATION = "23505";

    private final LedgerTransactions transactions;
    private final LedgerSql sql;

    UniqueIds(LedgerTransactions transactions, LedgerSql sql) {
        this.transactions = transactions;
        this.sql = sql;
    }

    /**
     * Locks the ids of events that this transaction has inserted, and enters those of new partitions, so that the triggers of the next
     * transaction check its ids.
     *
     * @throws SQLException if two events have one of them
     */
    void requireForEvents(Connection connection, List<String> ids) throws SQLException {
        require(connection, "events", LedgerStatement.FIND_SHARED_EVENT_ID, ids);
        sql.call(connection, LedgerStatement.ENTER_IDS).execute();
    }

    /**
     * Locks the ids of deliveries that this transaction has inserted.
     *
     * @throws SQLException if two deliveries have one of them
     */
    void requireForDeliveries(Connection connection, List<String> ids) throws SQLException {
        require(connection, "deliveries", LedgerStatement.FIND_SHARED_DELIVERY_ID, ids);
    }

    private void require(Connection connection, String table, LedgerStatement look, List<String> ids)
            throws SQLException {
        transactions.requireSnapshots(Jdbc.Mode.WRITE);
        sql.call(connection, LedgerStatement.LOCK_IDS)
                .texts("ids", ids)
                .text("table", sql.quoted(table).get(0))
                .list(row -> row.text("locked"));
        Optional<String> shared = sql.call(connection, look).texts("ids", ids).first(row -> row.text("id"));
        if (shared.isPresent()) {
            throw new SQLException("the id \"" + shared.get() + "\" is taken", UNIQUE_VIOLATION);
        }
    }
}
