package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.testing.Database;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.datasource.DelegatingDataSource;

/** A session that can't be restored, as when an interrupt cancels the statement that would, doesn't go back to its pool. */
class UnrestoredSessionIT {

    private static final String UNLOCK = "pg_advisory_unlock";

    private final String schema = Database.newSchema("unrestored");

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
        Database.dropSchema(schema + "_partitions");
    }

    /** A pool on whose connections each statement is cancelled that contains one of these parts. */
    private static DataSource thatCancels(HikariDataSource pool, String... parts) {
        return new DelegatingDataSource(pool) {
            @Override
            public Connection getConnection() throws SQLException {
                return cancelling(Connection.class, super.getConnection(), parts);
            }
        };
    }

    private static <T> T cancelling(Class<T> type, T target, String... parts) {
        return type.cast(Proxy.newProxyInstance(
                UnrestoredSessionIT.class.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
                    String sql = arguments == null ? "" : String.valueOf(arguments[0]);
                    if (Stream.of(parts).anyMatch(sql::contains)) {
                        throw new SQLException("cancelled: " + sql, "57014");
                    }
                    try {
                        Object result = method.invoke(target, arguments);
                        return method.getName().equals("createStatement")
                                ? cancelling(Statement.class, (Statement) result, parts)
                                : result;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }

    @Test
    void anotherSessionInstallsAfterAReleaseThatFailed() throws Exception {
        try (HikariDataSource pool = Database.newPool(1)) {
            PostgresUsage.install(thatCancels(pool, UNLOCK), schema);
            CompletableFuture.runAsync(() -> PostgresUsage.install(Database.pool(), schema))
                    .get(30, TimeUnit.SECONDS);
        }
    }

    @Test
    void anotherSessionPartitionsAfterAReleaseThatFailed() {
        PostgresUsage.install(Database.pool(), schema);
        try (HikariDataSource pool = Database.newPool(3)) {
            partition(thatCancels(pool, UNLOCK), PartitionInterval.MONTH);
            partition(Database.pool(), PartitionInterval.WEEK);
        }
    }

    private void partition(DataSource pool, PartitionInterval interval) {
        PostgresPartitions.of(pool, TableMapping.usagekit(schema)).partition(interval, PartitionProgress.NONE);
    }

    @Test
    void sessionsThatBuiltIndexesHaveTheirTimeoutsAgainOrEnd() throws SQLException {
        PostgresUsage.install(Database.pool(), schema);
        try (HikariDataSource pool =
                Database.newPool(1, config -> config.setConnectionInitSql("set statement_timeout = '33s'"))) {
            installIndexes(pool);
            assertTimeout(pool);

            dropIndexes();
            assertThatThrownBy(() -> installIndexes(thatCancels(pool, "set statement_timeout = '")))
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("cancelled: set statement_timeout = '33s'");
            assertTimeout(pool);

            dropIndexes();
            assertThatThrownBy(() -> installIndexes(thatCancels(pool, "create index", "set statement_timeout = '")))
                    .as("what failed first")
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("cancelled: create index");
            assertTimeout(pool);

            assertThatThrownBy(() -> installIndexes(thatCancels(pool, "pg_catalog.pg_settings")))
                    .isInstanceOf(UsageStorageException.class);
            assertTimeout(pool);
        }
    }

    private void installIndexes(DataSource pool) {
        PostgresUsage.installIndexes(pool, TableMapping.usagekit(schema));
    }

    private void dropIndexes() {
        Database.column(
                        "select format('drop index %I.%I', schemaname, indexname) from pg_indexes"
                                + " where schemaname = ? and indexdef like '%(project_id, created_at)%'",
                        schema)
                .forEach(Database::execute);
    }

    private static void assertTimeout(HikariDataSource pool) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement();
                ResultSet timeout = statement.executeQuery("show statement_timeout")) {
            timeout.next();
            assertThat(timeout.getString(1))
                    .as("timeout of a connection that the pool hands out")
                    .isEqualTo("33s");
        }
    }
}
