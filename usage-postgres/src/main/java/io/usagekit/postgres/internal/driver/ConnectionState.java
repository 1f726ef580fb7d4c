package io.usagekit.postgres.internal.driver;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.util.Optional;

/**
 * How a connection was handed out, and is given back.
 *
 * @param networkTimeout -1 for one that the driver doesn't know
 * @param driver the driver's connection, if it is PostgreSQL's own
 * @param prepareThreshold the driver's, 0 if there is none
 */
public record ConnectionState(
        boolean autoCommit,
        boolean readOnly,
        int networkTimeout,
        Optional<DriverConnection> driver,
        int prepareThreshold) {

    /** Reads the state; sends nothing to the server. */
    public static ConnectionState of(Connection connection) throws SQLException {
        Optional<DriverConnection> driver = DriverConnection.of(connection);
        return new ConnectionState(
                connection.getAutoCommit(),
                connection.isReadOnly(),
                networkTimeout(connection),
                driver,
                driver.isPresent() ? driver.get().prepareThreshold() : 0);
    }

    private static int networkTimeout(Connection connection) throws SQLException {
        try {
            return connection.getNetworkTimeout();
        } catch (SQLFeatureNotSupportedException e) {
            return -1;
        }
    }

    /** Whether statements of one text are {@linkplain DriverConnection#sendsTogether(Connection) sent together}. */
    public boolean sendsTogether() throws SQLException {
        return driver.isPresent() && driver.get().sendsTogether(prepareThreshold);
    }

    /** Lets the driver give its statements no names behind a pooler: the process of the next transaction doesn't know them. */
    public void stopNames(DriverConnection.Backend backend) throws SQLException {
        if (driver.isPresent() && prepareThreshold != 0) {
            driver.get().stopNamesIfShared(backend, prepareThreshold);
        }
    }

    /** Sets it back, outside a transaction. With auto-commit off, the driver tells the server nothing of the access mode. */
    public void restore(Connection connection) throws SQLException {
        connection.setReadOnly(readOnly);
        connection.setAutoCommit(autoCommit);
        if (networkTimeout >= 0) {
            connection.setNetworkTimeout(Runnable::run, networkTimeout);
        }
        if (driver.isPresent()) {
            driver.get().setPrepareThreshold(prepareThreshold);
        }
    }
}
