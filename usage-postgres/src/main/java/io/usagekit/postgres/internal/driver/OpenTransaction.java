package io.usagekit.postgres.internal.driver;

import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLNonTransientException;

/** Refuses connections on which somebody else has a transaction: committing or rolling back would end work that isn't the library's. */
public final class OpenTransaction {

    /** SQLSTATE of a call that isn't allowed in a transaction. */
    public static final String ACTIVE_SQL_TRANSACTION = "25001";

    /**
     * The handler of Spring's connections that take part in its transactions. Outside a transaction it hands out connections as the
     * pool does, in auto-commit mode unless the pool is configured otherwise.
     */
    private static final String SPRING_HANDLER = "org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy$";

    /** Of the names of the classes of HikariCP's connections. */
    private static final String HIKARI_CONNECTION = "com.zaxxer.hikari.";

    private static final String HIKARI_ADVICE =
            "; HikariCP with auto-commit off leaves its connectionInitSql or connectionTestQuery in a transaction: set its"
                    + " isolateInternalQueries=true (spring.datasource.hikari.isolate-internal-queries). If the host began the"
                    + " transaction: ";

    private static final String ADVICE =
            "the library neither commits nor rolls back a transaction that it didn't begin: pass a DataSource that isn't"
                    + " transaction-aware, e.g. the pool itself, or, to record events in this very transaction, use"
                    + " PostgresLedger.repository(connection)";

    private OpenTransaction() {}

    /**
     * Checks a connection that was handed out; neither sends anything to the server nor changes anything.
     *
     * @throws SQLException if the connection is in a transaction, or takes part in one of Spring's that has run no statement yet
     */
    public static void refuse(Connection connection) throws SQLException {
        if (isInTransaction(connection)) {
            throw refused(
                    "the DataSource handed out a connection that is already in a transaction",
                    isOfHikariWithAutoCommitOff(connection) ? HIKARI_ADVICE : "; ");
        }
        if (!connection.getAutoCommit() && isHandledBySpring(connection)) {
            throw refused(
                    "the DataSource handed out a connection of Spring's transaction (it is transaction-aware, and"
                            + " auto-commit is off)",
                    "; ");
        }
    }

    /**
     * Asks the driver, which knows the state from the server's last answer. JDBC forbids this call in a transaction, and it sets what is
     * set already. It works through every proxy; a transaction-aware pool has no other method in common.
     */
    private static boolean isInTransaction(Connection connection) throws SQLException {
        boolean readOnly = connection.isReadOnly();
        try {
            connection.setReadOnly(readOnly);
            return false;
        } catch (SQLException e) {
            if (ACTIVE_SQL_TRANSACTION.equals(e.getSQLState())) {
                return true;
            }
            throw e;
        }
    }

    private static boolean isHandledBySpring(Connection connection) {
        return Proxy.isProxyClass(connection.getClass())
                && Proxy.getInvocationHandler(connection).getClass().getName().startsWith(SPRING_HANDLER);
    }

    private static boolean isOfHikariWithAutoCommitOff(Connection connection) throws SQLException {
        return connection.getClass().getName().startsWith(HIKARI_CONNECTION) && !connection.getAutoCommit();
    }

    private static SQLException refused(String what, String reason) {
        return new SQLNonTransientException(what + reason + ADVICE, ACTIVE_SQL_TRANSACTION);
    }
}
