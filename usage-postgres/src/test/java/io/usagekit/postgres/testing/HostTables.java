package io.usagekit.postgres.testing;

import io.usagekit.postgres.internal.Identifiers;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import javax.sql.DataSource;

/** Tables of a host in a schema, and what the host does to them; {@code {s}} in a statement is the schema. */
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

    /** Each in a transaction of its own. */
    public final void run(String... statements) {
        try (Connection connection = dataSource.getConnection()) {
            for (String statement : statements) {
                run(connection, statement);
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    /** In the transaction of this connection; returns how many rows were changed, -1 for a query. */
    public final int run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql(sql));
            return statement.getUpdateCount();
        }
    }

    /** One number. */
    public final long count(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql(sql))) {
            row.next();
            return row.getLong(1);
        }
    }

    /** A transaction of the host's. */
    public final Connection begin() throws SQLException {
        Connection connection = dataSource.getConnection();
        connection.setAutoCommit(false);
        return connection;
    }
}
