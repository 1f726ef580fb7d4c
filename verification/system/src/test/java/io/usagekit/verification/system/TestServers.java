package io.usagekit.verification.system;

import io.usagekit.servers.PostgresServer;
import io.usagekit.servers.RedisServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;

/** One PostgreSQL and one Redis for the suites of a fork that don't stop them. They end with the JVM. */
final class TestServers {

    static final PostgresServer POSTGRES = PostgresServer.start();
    static final RedisServer REDIS = RedisServer.start();

    private TestServers() {}

    /** Drops a schema, so that a suite can create it. */
    static String without(String schema) {
        execute("drop schema if exists \"" + schema + "\" cascade");
        return schema;
    }

    static void execute(String sql) {
        try (Connection connection = POSTGRES.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new AssertionError(sql, e);
        }
    }
}
