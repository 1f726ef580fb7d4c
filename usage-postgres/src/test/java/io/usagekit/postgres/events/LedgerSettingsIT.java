package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Project;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The settings with which an event is recorded, as a trigger sees them: the ledger's own in a transaction of its own, whatever the session's
 * are, and the host's in the host's transaction. Afterwards the session has those that it had.
 */
class LedgerSettingsIT {

    private static final String SETTINGS =
            "concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout'),"
                    + " current_setting('row_security'), current_setting('timezone'), current_setting('plan_cache_mode'),"
                    + " current_setting('enable_seqscan'), current_setting('jit'), current_setting('transaction_isolation'),"
                    + " current_setting('transaction_read_only'))";

    private static final String OF_THE_HOST = "77s 66s on Asia/Tokyo force_custom_plan on on repeatable read on";

    private static final String OF_THE_LEDGER = "0 off UTC force_generic_plan off off read committed off";

    private static String schema;
    private static String s;

    @BeforeAll
    static void install() {
        schema = LedgerTables.install("settings");
        s = Identifiers.quote(schema);
        PostgresLedger.of(Database.pool(), schema).repository().save(new Project("p", "org-1", ""));
        Database.execute(
                "create table " + s + ".seen (event_id text, settings text)",
                "create function " + s + ".see() returns trigger language plpgsql as $$ begin"
                        + " insert into " + s + ".seen values (new.id, " + SETTINGS + ");"
                        + " if new.id = 'slow' then perform pg_sleep(600); end if; return new; end $$",
                "create trigger see before insert on " + s + ".events for each row execute function " + s + ".see()");
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    @BeforeEach
    void empty() {
        Database.execute("delete from " + s + ".events", "delete from " + s + ".seen");
    }

    /** A pool of one connection, in whose session everything is set otherwise. */
    private static HikariDataSource pool(boolean autoCommit) {
        return Database.newPool(1, config -> {
            config.setAutoCommit(autoCommit);
            config.setIsolateInternalQueries(true);
            config.setConnectionInitSql(
                    "set statement_timeout = '77s'; set lock_timeout = '66s'; set timezone = 'Asia/Tokyo';"
                            + " set plan_cache_mode = force_custom_plan; set enable_seqscan = on; set jit = on;"
                            + " set default_transaction_isolation = 'repeatable read'; set default_transaction_read_only = on");
        });
    }

    private static EventRepository ledger(HikariDataSource pool, Duration timeout) {
        return PostgresLedger.builder(pool)
                .schema(schema)
                .timeout(timeout)
                .build()
                .repository();
    }

    private static NewEvent event(String id) {
        return NewEvent.builder("p", id).endpointIds(List.of("one", "two")).build();
    }

    private static String settings(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select " + SETTINGS)) {
            row.next();
            return row.getString(1);
        }
    }

    /** Asserts that the session has the host's settings, and is in no transaction. */
    private static void assertGivenBack(HikariDataSource pool, boolean autoCommit) throws SQLException {
        try (Connection connection = pool.getConnection()) {
            assertThat(connection.getAutoCommit()).isEqualTo(autoCommit);
            connection.setReadOnly(connection.isReadOnly()); // fails in a transaction
            assertThat(settings(connection)).isEqualTo(OF_THE_HOST);
            if (!autoCommit) {
                connection.rollback();
            }
        }
    }

    private static String seen(String eventId) {
        return Database.query("select settings from " + s + ".seen where event_id = ?", eventId);
    }

    @Test
    void hasItsSettingsInItsTransactionsAndLeavesNone() throws SQLException {
        for (boolean autoCommit : List.of(true, false)) {
            try (HikariDataSource pool = pool(autoCommit)) {
                EventRepository ledger = ledger(pool, Duration.ofMinutes(5));
                for (int i = 0; i < 8; i++) { // the driver names a statement after some executions
                    String id = "e" + autoCommit + i;
                    ledger.record(event(id));
                    assertThat(seen(id)).matches("(5min|\\d+ms) " + OF_THE_LEDGER);
                    assertThat(seen(id)).as("the time that is left").doesNotStartWith("77");
                    assertGivenBack(pool, autoCommit);
                }
            }
        }
    }

    @Test
    void leavesNoSettingsAfterAnError() throws SQLException {
        for (boolean autoCommit : List.of(true, false)) {
            try (HikariDataSource pool = pool(autoCommit)) {
                EventRepository ledger = ledger(pool, Duration.ofMinutes(5));
                ledger.record(event("taken" + autoCommit));
                assertThatThrownBy(() -> ledger.record(event("taken" + autoCommit)))
                        .isInstanceOf(EventLedgerException.class)
                        .hasMessageStartingWith("the events can't be recorded: ERROR: duplicate key value violates");
                assertGivenBack(pool, autoCommit);
                assertThatThrownBy(() -> ledger.record(
                                NewEvent.builder("no such", "e" + autoCommit).build()))
                        .hasMessageContaining("foreign key");
                assertGivenBack(pool, autoCommit);
                assertThatThrownBy(() -> ledger(pool, Duration.ofSeconds(1)).record(event("slow")))
                        .hasMessageStartingWith("the events can't be recorded within PT1S");
                assertGivenBack(pool, autoCommit);
                ledger.record(event("next" + autoCommit));
                assertThat(ledger.find("p", "next" + autoCommit)).isPresent();
                assertThat(ledger.find("p", "slow")).isEmpty();
            }
        }
    }

    @Test
    void leavesAHostsTransactionAsItIsAlsoAfterAnError() throws SQLException {
        try (HikariDataSource pool = pool(false);
                Connection connection = pool.getConnection()) {
            EventRepository ledger = PostgresLedger.of(pool, schema).repository(connection);
            try (Statement statement = connection.createStatement()) {
                statement.execute("set transaction read write");
                statement.execute("savepoint usagekit_call");
                ledger.record(event("first"));
                String ofTheHost = OF_THE_HOST.replaceFirst("on$", "off");
                assertThat(settings(connection)).isEqualTo(ofTheHost);
                assertThatThrownBy(() -> ledger.record(event("first"))).hasMessageContaining("duplicate key");
                assertThatThrownBy(() -> ledger.record(
                                NewEvent.builder("no such", "second").build()))
                        .hasMessageContaining("foreign key");
                ledger.record(event("third"));
                assertThat(settings(connection)).isEqualTo(ofTheHost);
                try (ResultSet row =
                        statement.executeQuery("select string_agg(event_id || ' ' || settings, '; ' order by"
                                + " event_id) from " + s + ".seen")) {
                    row.next();
                    assertThat(row.getString(1)).isEqualTo("first " + ofTheHost + "; third " + ofTheHost);
                }
                statement.execute("rollback to savepoint usagekit_call"); // the host's own
            }
            ledger.record(event("fourth"));
            connection.commit();
        }
        assertThat(Database.query("select string_agg(id, ' ') from " + s + ".events"))
                .isEqualTo("fourth");
    }

    /** As of another driver than PostgreSQL's, which may not know a statement that begins and ends a transaction. */
    private static Connection ofAnotherDriver(Connection connection) {
        return (Connection) Proxy.newProxyInstance(
                LedgerSettingsIT.class.getClassLoader(),
                new Class<?>[] {Connection.class},
                (proxy, method, arguments) -> {
                    try {
                        return method.getName().equals("isWrapperFor") ? false : method.invoke(connection, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    @Test
    void recordsStepByStepThroughAnotherDriver() throws SQLException {
        try (HikariDataSource pool = pool(false)) {
            try (Connection connection = pool.getConnection()) {
                EventRepository ledger = PostgresLedger.of(new OneConnection(ofAnotherDriver(connection)), schema)
                        .repository();
                ledger.record(event("own"));
                assertThat(seen("own")).endsWith(OF_THE_LEDGER);
                assertThatThrownBy(() -> ledger.record(event("own"))).hasMessageContaining("duplicate key");
            }
            assertGivenBack(pool, false);
            try (Connection connection = pool.getConnection();
                    Statement statement = connection.createStatement()) {
                statement.execute("set transaction read write");
                EventRepository ledger = PostgresLedger.of(pool, schema).repository(ofAnotherDriver(connection));
                ledger.record(event("hosts"));
                assertThatThrownBy(() -> ledger.record(event("own"))).hasMessageContaining("duplicate key");
                connection.commit();
            }
            assertThat(seen("hosts")).isEqualTo(OF_THE_HOST.replaceFirst("on$", "off"));
        }
    }

    @Test
    void leavesAnAbortedTransactionOfTheHostAborted() throws SQLException {
        try (HikariDataSource pool = Database.newPool(1, config -> config.setAutoCommit(false));
                Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            EventRepository ledger = PostgresLedger.of(pool, schema).repository(connection);
            assertThatThrownBy(() -> statement.execute("select 1 / 0")).hasMessageContaining("division");
            assertThatThrownBy(() -> ledger.record(event("e")))
                    .hasMessageContaining("current transaction is aborted, commands ignored");
            assertThatThrownBy(() -> statement.execute("select 1")).hasMessageContaining("transaction is aborted");
            connection.rollback();
        }
    }
}
