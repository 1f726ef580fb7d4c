package io.usagekit.spring;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.atomic.AtomicInteger;
import org.springframework.jdbc.datasource.AbstractDataSource;

/** A data source whose server refuses each connection; it counts them. */
public class StubDataSource extends AbstractDataSource {

    /** The state of an outage. */
    public static final String CONNECTION_FAILURE = "08001";

    /** The state of a wrong password, which no retry cures. */
    public static final String INVALID_PASSWORD = "28P01";

    private final String sqlState;
    private final AtomicInteger connections = new AtomicInteger();

    /** A data source that refuses with this state. */
    public StubDataSource(String sqlState) {
        this.sqlState = sqlState;
    }

    /** A data source whose server is down. */
    public static StubDataSource down() {
        return new StubDataSource(CONNECTION_FAILURE);
    }

    @Override
    public Connection getConnection() throws SQLException {
        connections.incrementAndGet();
        throw new SQLException("the stub refuses connections", sqlState);
    }

    @Override
    public Connection getConnection(String username, String password) throws SQLException {
        return getConnection();
    }

    /** Returns how many connections were asked for. */
    public int connections() {
        return connections.get();
    }
}
