package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import io.usagekit.postgres.testing.Operations;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.transaction.support.TransactionTemplate;

/** Connections of a host that are in its own transaction are refused and left alone; those with auto-commit off are accepted. */
class HostTransactionsIT {

    private static String schema;
    private static String hostRows;

    @BeforeAll
    static void install() {
        schema = Database.newSchema("host_transactions");
        Operations.run("ledger.install", schema, Database.pool());
        Operations.run("rollups.install", schema, Database.pool());
        Operations.run("ledger.save", schema, Database.pool());
        hostRows = Identifiers.qualified(schema, "host_rows");
        Database.execute("create table " + hostRows + " (id int)");
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
        Database.dropSchema(schema + "_rollups");
    }

    @BeforeEach
    void empty() {
        Database.execute("delete from " + hostRows);
    }

    private static void insert(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("insert into " + hostRows + " values (1)");
        }
    }

    /** What a host sees of its connection, the transaction's own number and rows included. */
    private static String state(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "select concat(txid_current_if_assigned(), ' ', (select count(*) from "
                                + hostRows + "), ' ', current_setting('statement_timeout'), ' ',"
                                + " current_setting('transaction_isolation'), ' ', current_setting('transaction_read_only'))")) {
            row.next();
            return row.getString(1) + " " + connection.getAutoCommit() + " " + connection.isReadOnly() + " "
                    + connection.getNetworkTimeout();
        }
    }

    /** Asserts for each operation that it refuses the connections, and leaves the transaction on this one as it was. */
    private static void assertRefused(DataSource handsOut, Connection connection, String what) throws SQLException {
        String before = state(connection);
        for (Map.Entry<String, Consumer<DataSource>> operation :
                Operations.on(schema).entrySet()) {
            assertThatThrownBy(() -> operation.getValue().accept(handsOut))
                    .as(operation.getKey())
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining(what)
                    .hasMessageContaining("pass a DataSource that isn't transaction-aware")
                    .hasMessageContaining("PostgresLedger.repository(connection)");
            assertThat(state(connection)).as(operation.getKey()).isEqualTo(before);
        }
    }

    private static void assertCommitted() {
        assertThat(Database.query("select count(*) from " + hostRows)).isEqualTo("1");
    }

    @Test
    void refusesConnectionsOfSpringsTransaction() {
        DataSource aware = new TransactionAwareDataSourceProxy(Database.pool());
        new TransactionTemplate(new DataSourceTransactionManager(Database.pool())).executeWithoutResult(status -> {
            JdbcTemplate host = new JdbcTemplate(aware);
            host.update("insert into " + hostRows + " values (1)");
            host.execute((Connection connection) -> {
                assertRefused(aware, connection, "already in a transaction");
                return null;
            });
        });
        assertCommitted();
    }

    @Test
    void refusesConnectionsOfSpringsTransactionBeforeItsFirstStatement() {
        DataSource aware = new TransactionAwareDataSourceProxy(Database.pool());
        new TransactionTemplate(new DataSourceTransactionManager(Database.pool())).executeWithoutResult(status -> {
            for (Map.Entry<String, Consumer<DataSource>> operation :
                    Operations.on(schema).entrySet()) {
                assertThatThrownBy(() -> operation.getValue().accept(aware))
                        .as(operation.getKey())
                        .isInstanceOf(UsageException.class)
                        .hasMessageContaining("a connection of Spring's transaction");
            }
            new JdbcTemplate(aware).update("insert into " + hostRows + " values (1)");
        });
        assertCommitted();
    }

    @Test
    void acceptsTransactionAwareConnectionsOutsideATransaction() {
        Operations.run("ledger.record", schema, new TransactionAwareDataSourceProxy(Database.pool()));
    }

    @Test
    void refusesAConnectionWithAutoCommitOffInATransaction() throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            connection.setAutoCommit(false);
            insert(connection);
            assertRefused(new OneConnection(connection), connection, "already in a transaction");
            connection.commit();
        }
        assertCommitted();
    }

    @Test
    void refusesAConnectionInATransactionThatAStatementBegan() throws SQLException {
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("begin");
            insert(connection);
            assertRefused(new OneConnection(connection), connection, "already in a transaction");
            statement.execute("commit");
        }
        assertCommitted();
    }

    @Test
    void refusesAConnectionInAFailedTransaction() throws SQLException {
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            assertThatThrownBy(() -> statement.execute("select 1 / 0")).isInstanceOf(SQLException.class);
            assertThatThrownBy(() -> Operations.run("ledger.record", schema, new OneConnection(connection)))
                    .hasMessageContaining("already in a transaction");
            assertThatThrownBy(() -> statement.execute("select 1"))
                    .as("still failed")
                    .hasMessageContaining("current transaction is aborted");
            connection.rollback();
        }
    }

    @Test
    void saysHowAPoolWithAutoCommitOffRunsItsOwnStatementsInNoTransaction() {
        Map<String, Consumer<HikariConfig>> internalQueries =
                Map.of("connectionInitSql", config -> {}, "connectionTestQuery", config -> {
                    config.setConnectionInitSql(null);
                    config.setConnectionTestQuery("select 1");
                });
        internalQueries.forEach((name, query) -> {
            try (HikariDataSource pool = Database.newPool(1, query.andThen(config -> config.setAutoCommit(false)))) {
                assertThatThrownBy(() -> Operations.run("ledger.record", schema, pool))
                        .as(name)
                        .isInstanceOf(UsageException.class)
                        .hasMessageContaining("already in a transaction; HikariCP with auto-commit off leaves its"
                                + " connectionInitSql or connectionTestQuery in a transaction")
                        .hasMessageContaining("set its isolateInternalQueries=true")
                        .hasMessageContaining(
                                "If the host began the transaction: the library neither commits nor rolls back");
            }
            try (HikariDataSource pool = Database.newPool(1, query.andThen(config -> {
                config.setAutoCommit(false);
                config.setIsolateInternalQueries(true);
            }))) {
                Operations.run("ledger.record", schema, pool);
            }
        });
    }

    @Test
    void acceptsAPoolWithAutoCommitOff() throws SQLException {
        String own = Database.newSchema("auto_commit_off");
        try (HikariDataSource pool = Database.newPool(3, config -> {
            config.setAutoCommit(false);
            config.setConnectionInitSql(null); // runs in a transaction of the pool
            config.addDataSourceProperty("ApplicationName", own);
        })) {
            for (Map.Entry<String, Consumer<DataSource>> operation :
                    Operations.on(own).entrySet()) {
                operation.getValue().accept(pool);
                // An idle session has a transaction of its own now and then, to take note of changes to the catalog.
                assertThat(Database.column(
                                "select concat(state, ' after ', query) from pg_stat_activity where application_name = ? and xact_start is not null and state <> 'idle'",
                                own))
                        .as("sessions that %s left in a transaction", operation.getKey())
                        .isEmpty();
            }
            try (Connection connection = pool.getConnection()) {
                assertThat(connection.getAutoCommit()).isFalse();
                assertThat(connection.isReadOnly()).isFalse();
            }
        } finally {
            Database.dropSchema(own);
            Database.dropSchema(own + "_rollups");
            Database.dropSchema(own + "_partitions");
        }
    }
}
