package io.usagekit.postgres.testing;

import io.usagekit.postgres.internal.Identifiers;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import javax.sql.DataSource;

/** A host's tables in a schema, and statements on them, in which {@code {s}} stands for the schema. */
public abstract class HostTables {

    public final DataSource dataSource;
    public final String schema;

    public HostTables(DataSource dataSource, String schema) {
        this.dataSource = dataSource;
        this.schema = schema;
    }

    public String sql(String sql) {
        return sql.replace("{s}", Identifiers.quote(schema));
    }

    /** Runs each statement in a transaction of its own. */
    public final void run(String... statements) {
        try (Connection connection = dataSource.getConnection()) {
            for (String statement : statements) {
                run(connection, statement);
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    /** Runs a statement in the transaction of this connection; returns how many rows it changed, -1 for a query. */
    public final int run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql(sql));
            return statement.getUpdateCount();
        }
    }

    /** Returns one number. */
    public final long count(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql(sql))) {
            row.next();
            return row.getLong(1);
        }
    }

    /** Opens a transaction of the host. */
    public final Connection begin() throws SQLException {
        Connection connection = dataSource.getConnection();
        connection.setAutoCommit(false);
        return connection;
    }
}
