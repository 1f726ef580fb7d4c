package io.usagekit.cli;

import io.usagekit.servers.PostgresServer;
import io.usagekit.servers.RedisServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** One PostgreSQL and one Redis for the suites of a fork that don't stop them. They end with the JVM. */
public final class TestServers {

    public static final PostgresServer POSTGRES = PostgresServer.start();
    public static final RedisServer REDIS = RedisServer.start();

    private TestServers() {}

    public static String jdbcUrl() {
        return POSTGRES.jdbcUrl();
    }

    /** Runs statements as psql would. */
    public static void execute(String sql) {
        try (Connection connection = POSTGRES.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new AssertionError(sql, e);
        }
    }

    /** The rows of a query, columns parted by a bar; as text. */
    public static String query(String sql) {
        StringBuilder rows = new StringBuilder();
        try (Connection connection = POSTGRES.dataSource().getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            int columns = row.getMetaData().getColumnCount();
            while (row.next()) {
                for (int i = 1; i <= columns; i++) {
                    rows.append(i == 1 ? "" : "|").append(row.getString(i));
                }
                rows.append('\n');
            }
        } catch (SQLException e) {
            throw new AssertionError(sql, e);
        }
        return rows.toString().strip();
    }

    /** Drops a schema, so that a suite can create it again. */
    public static String without(String schema) {
        execute("drop schema if exists \"" + schema + "\" cascade");
        return schema;
    }

    /** A gateway's tables, as somebody else made them. */
    public static String gatewayTables(String schema) {
        without(schema);
        execute("create schema " + schema + ";"
                + "create table " + schema + ".projects (id varchar primary key, organisation_id varchar not null,"
                + " deleted_at timestamptz);"
                + "create table " + schema + ".events (id varchar primary key, project_id varchar not null references "
                + schema + ".projects (id), raw text not null, data bytea not null, created_at timestamptz not null,"
                + " deleted_at timestamptz);"
                + "create table " + schema + ".event_deliveries (id varchar primary key, project_id varchar not null"
                + " references " + schema + ".projects (id), event_id varchar not null references " + schema
                + ".events (id), status varchar not null, created_at timestamptz not null)");
        return schema;
    }
}
