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
    private final String table;

    /**
     * Checks ids of a table.
     *
     * @param sql of any table
     */
    UniqueIds(LedgerTransactions transactions, LedgerSql sql, IdTable table) {
        this.transactions = transactions;
        this.sql = sql.forIdsOf(table);
        this.table = sql.quoted(table.table()).get(0);
    }

    /**
     * Locks the ids of rows that this transaction has inserted, and enters those of new partitions, so that the triggers of the next
     * transaction check its ids.
     *
     * @throws SQLException if two rows have one of them
     */
    void require(Connection connection, List<String> ids) throws SQLException {
        transactions.requireSnapshots(Jdbc.Mode.WRITE);
        sql.call(connection, LedgerStatement.LOCK_IDS)
                .texts("ids", ids)
                .text("table", table)
                .list(row -> row.text("locked"));
        Optional<String> shared = sql.call(connection, LedgerStatement.FIND_SHARED_ID)
                .texts("ids", ids)
                .first(row -> row.text("id"));
        if (shared.isPresent()) {
            throw new SQLException("the id \"" + shared.get() + "\" is taken", UNIQUE_VIOLATION);
        }
        sql.call(connection, LedgerStatement.ENTER_IDS).execute();
    }
}
