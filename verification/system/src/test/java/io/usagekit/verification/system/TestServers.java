package io.usagekit.verification.system;

import io.usagekit.servers.PostgresServer;
import io.usagekit.servers.RedisServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** One PostgreSQL and one Redis for the suites that don't stop them. */
final class TestServers implements BeforeAllCallback {

    static final PostgresServer POSTGRES = PostgresServer.start();
    static final RedisServer REDIS = RedisServer.start();

    @Override
    public void beforeAll(ExtensionContext context) {
        context.getRoot().getStore(ExtensionContext.Namespace.GLOBAL).computeIfAbsent(Running.class);
    }

    /** Closed by JUnit after the last suite. */
    static final class Running implements AutoCloseable {
        @Override
        public void close() {
            POSTGRES.close();
            REDIS.close();
        }
    }

    /** Drops a schema, so that a suite can create it. */
    static String without(String schema) {
        String sql = "drop schema if exists \"" + schema + "\" cascade";
        try (Connection connection = POSTGRES.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new AssertionError(sql, e);
        }
        return schema;
    }
}
