package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Project;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlTemplate;
import io.usagekit.postgres.internal.driver.DriverConnection;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A single event that is recorded on connections, in transactions and with triggers that the host has in a state of its own. */
class LedgerSingleRecordingIT {

    private static String schema;
    private static String events;

    @BeforeAll
    static void install() {
        schema = LedgerTables.install("single");
        events = Identifiers.qualified(schema, "events");
        PostgresLedger.of(Database.pool(), schema).repository().save(new Project("p", "org-1", ""));
        String change = Identifiers.qualified(schema, "change");
        Database.execute(
                "create function " + change
                        + "() returns trigger language plpgsql as $$ begin new.id := 'another'; return new; end $$",
                createTrigger(events, change),
                createTrigger(Identifiers.qualified(schema, "event_deliveries"), change));
    }

    private static String createTrigger(String table, String function) {
        return "create trigger change before insert on " + table
                + " for each row when (new.id = 'changed') execute function " + function + "()";
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    @BeforeEach
    void empty() {
        Database.execute("delete from " + events);
    }

    private static NewEvent event(String id) {
        return NewEvent.builder("p", id).endpointIds(List.of("one", "two")).build();
    }

    private static EventRepository ledger(HikariDataSource pool) {
        return PostgresLedger.of(pool, schema).repository();
    }

    private static String ids() {
        return Database.query("select string_agg(id, ' ' order by id) from " + events);
    }

    private static void assertRejectsAnUnknownProject(EventRepository ledger) {
        assertThatThrownBy(() -> ledger.record(NewEvent.builder("no such", "e").build()))
                .isInstanceOf(EventLedgerException.class)
                .hasMessageContaining("foreign key");
    }

    @Test
    void rejectsAnEventWhoseIdATriggerChanges() throws SQLException {
        String message = "a trigger has changed the event's id to another";
        try (HikariDataSource pool = Database.newPool(1, config -> {})) {
            assertThatThrownBy(() -> ledger(pool).record(event("changed")))
                    .isInstanceOf(EventLedgerException.class)
                    .hasMessageContaining(message);
            try (Connection connection = pool.getConnection()) {
                connection.setAutoCommit(false);
                EventRepository ledger = PostgresLedger.of(pool, schema).repository(connection);
                assertThatThrownBy(() -> ledger.record(event("changed"))).hasMessageContaining(message);
                ledger.record(event("next"));
                connection.commit();
            }
        }
        assertThat(ids()).isEqualTo("next");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "key"})
    void rejectsAListWithAnEventWhoseIdATriggerChanges(String key) {
        String message = "a trigger has changed the event's id to another";
        NewEvent changed = NewEvent.builder("p", "changed").idempotencyKey(key).build();
        EventRepository ledger = PostgresLedger.of(Database.pool(), schema).repository();
        for (ThrowingCallable recording : List.<ThrowingCallable>of(
                () -> ledger.recordAll(List.of(event("before"), changed)), () -> ledger.recordNew(List.of(changed)))) {
            assertThatThrownBy(recording)
                    .isInstanceOf(EventLedgerException.class)
                    .hasMessageContaining(message);
        }
        assertThat(Database.query("select count(*) from " + events)).isEqualTo("0");
    }

    @Test
    void rejectsADeliveryWhoseIdATriggerChanges() {
        EventRepository ledger = PostgresLedger.of(Database.pool(), schema).repository();
        ledger.record(event("e"));
        assertThatThrownBy(() -> ledger.recordDeliveries(List.of(PartitionedLedger.delivery("changed", "e", 0))))
                .isInstanceOf(EventLedgerException.class)
                .hasMessageContaining(
                        "have changed ids of deliveries, 1 in all, one to \"another\"; they have to stay as they are");
    }

    @ParameterizedTest
    @CsvSource({"prepareThreshold, -1", "preferQueryMode, simple"})
    void recordsStepByStepWhereTheDriverCanNotSendAllTogether(String property, String value) throws SQLException {
        try (HikariDataSource pool = Database.newPool(1, config -> config.addDataSourceProperty(property, value))) {
            for (int i = 0; i < 8; i++) { // the driver names a statement after some executions
                ledger(pool).record(event("own" + i));
            }
            assertRejectsAnUnknownProject(ledger(pool));
            try (Connection connection = pool.getConnection()) {
                assertThat(DriverConnection.sendsTogether(connection)).isFalse();
                connection.setAutoCommit(false);
                EventRepository ledger = PostgresLedger.of(pool, schema).repository(connection);
                assertRejectsAnUnknownProject(ledger);
                ledger.record(event("hosts"));
                connection.commit();
            }
        }
        assertThat(ids()).isEqualTo("hosts own0 own1 own2 own3 own4 own5 own6 own7");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void givesBackReadOnlyConnectionsOutsideATransaction(boolean autoCommit) throws SQLException {
        try (HikariDataSource pool = Database.newPool(1, config -> {
            config.setAutoCommit(autoCommit);
            config.setIsolateInternalQueries(true);
            config.setReadOnly(true);
            config.addDataSourceProperty("readOnlyMode", "always");
        })) {
            ledger(pool).record(event("first"));
            assertRejectsAnUnknownProject(ledger(pool));
            try (Connection connection = pool.getConnection();
                    Statement statement = connection.createStatement()) {
                assertThat(connection.isReadOnly()).isTrue();
                connection.setReadOnly(true); // fails in a transaction
                try (ResultSet row = statement.executeQuery("show transaction_read_only")) {
                    row.next();
                    assertThat(row.getString(1)).isEqualTo("on");
                }
                if (!autoCommit) {
                    connection.rollback();
                }
            }
            ledger(pool).record(event("second"));
        }
        assertThat(ids()).isEqualTo("first second");
    }

    @Test
    void rollsBackWhereAutoCommitCanNotBeLeft() throws SQLException {
        AtomicBoolean fails = new AtomicBoolean();
        try (HikariDataSource pool = Database.newPool(1, config -> {});
                Connection connection = pool.getConnection()) {
            Connection failing = (Connection) Proxy.newProxyInstance(
                    LedgerSingleRecordingIT.class.getClassLoader(),
                    new Class<?>[] {Connection.class},
                    (proxy, method, arguments) -> {
                        if (method.getName().equals("setAutoCommit") && arguments[0].equals(false)) {
                            fails.set(true);
                            throw new SQLException("auto-commit can't be left");
                        }
                        try {
                            return method.invoke(connection, arguments);
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        }
                    });
            EventRepository ledger =
                    PostgresLedger.of(new OneConnection(failing), schema).repository();
            assertRejectsAnUnknownProject(ledger);
            assertThat(fails).isTrue();
            ledger.record(event("next"));
        }
        assertThat(ids()).isEqualTo("next");
    }

    @Test
    void leavesTheHostsSavepointAloneInAnAbortedTransaction() throws SQLException {
        try (HikariDataSource pool = Database.newPool(1, config -> config.setAutoCommit(false));
                Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            EventRepository ledger = PostgresLedger.of(pool, schema).repository(connection);
            statement.execute("savepoint usagekit_call");
            ledger.record(event("e"));
            assertThatThrownBy(() -> statement.execute("select 1 / 0")).hasMessageContaining("division");
            assertThatThrownBy(() -> ledger.record(event("f"))).hasMessageContaining("transaction is aborted");
            assertThatThrownBy(() -> statement.execute("select 1")).hasMessageContaining("transaction is aborted");
            connection.rollback();
        }
    }

    /** What can't be undone, as the savepoint is released before the row is read, isn't committed either. */
    @Test
    void abortsTheHostsTransactionWhereTheRowCanNotBeRead() throws SQLException {
        SqlTemplate insert = SqlTemplate.of(
                "insert into " + events + " (id, project_id) values ('unread', 'p') returning true as answer",
                Map.of());
        try (HikariDataSource pool = Database.newPool(1, config -> config.setAutoCommit(false));
                Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            assertThatThrownBy(() -> new HostTransaction(connection)
                            .single("failure", host -> SqlCall.of(host, insert), row -> {
                                throw new IllegalStateException("the row can't be read");
                            }))
                    .hasMessage("the row can't be read");
            assertThatThrownBy(() -> statement.execute("select 1")).hasMessageContaining("transaction is aborted");
            connection.rollback();
        }
    }

    @Test
    void leavesTheHostsTransactionAloneWhereNothingIsSent() throws SQLException {
        SqlTemplate unbound = SqlTemplate.of("select :value::text as value", Map.of());
        try (HikariDataSource pool = Database.newPool(1, config -> config.setAutoCommit(false));
                Connection connection = pool.getConnection()) {
            assertThatThrownBy(() -> new HostTransaction(connection)
                            .single("failure", host -> SqlCall.of(host, unbound), row -> row.text("value")))
                    .hasMessage("no value is given for :value");
            PostgresLedger.of(pool, schema).repository(connection).record(event("next"));
            connection.commit();
        }
        assertThat(ids()).isEqualTo("next");
    }
}
