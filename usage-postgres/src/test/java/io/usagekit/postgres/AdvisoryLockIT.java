package io.usagekit.postgres;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.testing.Database;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A session whose advisory lock can't be released, as when an interrupt cancels that statement, doesn't go back to its pool. */
class AdvisoryLockIT {

    private final String schema = Database.newSchema("unreleased");

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    /** A connection on which each statement that releases an advisory lock is cancelled. */
    private static Connection thatKeepsItsLocks(Connection connection) {
        return (Connection) Proxy.newProxyInstance(
                AdvisoryLockIT.class.getClassLoader(),
                new Class<?>[] {Connection.class},
                (proxy, method, arguments) -> {
                    if (arguments != null && String.valueOf(arguments[0]).contains("pg_advisory_unlock")) {
                        throw new SQLException("canceling statement due to user request", "57014");
                    }
                    try {
                        return method.invoke(connection, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private static DataSource thatKeepsItsLocks(HikariDataSource pool) {
        return (DataSource) Proxy.newProxyInstance(
                AdvisoryLockIT.class.getClassLoader(),
                new Class<?>[] {DataSource.class},
                (proxy, method, arguments) -> thatKeepsItsLocks(pool.getConnection()));
    }

    @Test
    void anotherSessionInstallsAfterAReleaseThatFailed() throws Exception {
        try (HikariDataSource pool = Database.newPool(1)) {
            PostgresUsage.install(thatKeepsItsLocks(pool), schema);
            CompletableFuture.runAsync(() -> PostgresUsage.install(Database.pool(), schema))
                    .get(30, TimeUnit.SECONDS);
        }
    }
}
