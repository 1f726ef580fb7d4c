package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.events.EventExportException;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Project;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.io.OutputStream;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.DataSourceUtils;
import org.springframework.transaction.support.TransactionTemplate;

/** Outbox: a host's rows and the ledger's events in one transaction of the host, begun by Spring or by hand. */
class OutboxIT {

    private static String schema;
    private static String orders;
    private static PostgresLedger ledger;

    private final TransactionTemplate transaction =
            new TransactionTemplate(new DataSourceTransactionManager(Database.pool()));
    private final JdbcTemplate jdbc = new JdbcTemplate(Database.pool());

    @BeforeAll
    static void install() {
        schema = LedgerTables.install("outbox");
        orders = Identifiers.qualified(schema, "orders");
        Database.execute("create table " + orders + " (id text primary key)");
        ledger = PostgresLedger.of(Database.pool(), schema);
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    @BeforeEach
    void empty() {
        LedgerTables.empty(schema);
        Database.execute("delete from " + orders);
        ledger.repository().save(new Project("p", "org-123", "one"));
    }

    private static NewEvent event(String id) {
        return NewEvent.builder("p", id).build();
    }

    private EventRepository inTransaction() {
        return ledger.repository(DataSourceUtils.getConnection(Database.pool()));
    }

    private void order(String id) {
        jdbc.update("insert into " + orders + " values (?)", id);
    }

    private static void assertStored(List<String> orderIds, List<String> eventIds) {
        assertThat(Database.column("select id from " + orders + " order by id")).isEqualTo(orderIds);
        assertThat(Database.column("select id from " + Identifiers.qualified(schema, "events") + " order by id"))
                .isEqualTo(eventIds);
    }

    @Test
    void commitsTheHostsRowAndTheEventTogether() {
        transaction.executeWithoutResult(status -> {
            order("o-1");
            inTransaction().record(event("e-1"));
            assertThat(ledger.repository().find("p", "e-1"))
                    .as("before the commit")
                    .isEmpty();
            order("o-2");
        });
        assertStored(List.of("o-1", "o-2"), List.of("e-1"));
    }

    @Test
    void rollsTheHostsRowAndTheEventBackTogether() {
        assertThatThrownBy(() -> transaction.executeWithoutResult(status -> {
                    order("o-1");
                    inTransaction().record(event("e-1"));
                    throw new IllegalStateException("the host changes its mind");
                }))
                .hasMessageContaining("changes its mind");
        assertStored(List.of(), List.of());
    }

    @Test
    void recordsBeforeTheHostsFirstStatement() {
        transaction.executeWithoutResult(status -> {
            inTransaction().record(event("e-1"));
            order("o-1");
            status.setRollbackOnly();
        });
        assertStored(List.of(), List.of());
    }

    @Test
    void keepsTheTransactionUsableWhenACallFails() {
        ledger.repository().record(event("taken"));
        transaction.executeWithoutResult(status -> {
            order("o-1");
            assertThatThrownBy(() -> inTransaction().recordAll(List.of(event("e-1"), event("taken"))))
                    .isInstanceOf(EventLedgerException.class)
                    .hasMessageContaining("taken");
            inTransaction().record(event("e-2"));
            order("o-2");
        });
        assertStored(List.of("o-1", "o-2"), List.of("e-2", "taken"));
    }

    @Test
    void leavesNothingOfACallThatFailsInTheMiddle() {
        transaction.executeWithoutResult(status -> {
            inTransaction().record(event("e-1"));
            assertThatThrownBy(() -> inTransaction()
                            .recordDeliveries(List.of(
                                    new NewDelivery("d-1", "p", "e-1", "", "Success", Optional.empty()),
                                    new NewDelivery("d-2", "p", "no such", "", "Success", Optional.empty()))))
                    .hasMessageContaining("there is no event \"no such\"");
        });
        assertThat(ledger.repository().findDelivery("p", "d-1")).isEmpty();
        assertStored(List.of(), List.of("e-1"));
    }

    @Test
    void deletesAndTokenisesAllBatchesInTheTransaction() {
        List<NewEvent> many = new ArrayList<>();
        for (int i = 0; i < 6_500; i++) {
            many.add(event("e-" + i));
        }
        ledger.repository().recordAll(many);
        transaction.executeWithoutResult(status -> {
            assertThat(inTransaction().tokenise("p", EventWindow.ALL)).isEqualTo(6_500);
            assertThat(inTransaction().deleteTokens("p", EventWindow.ALL)).isEqualTo(6_500);
            assertThat(inTransaction().delete("p", EventWindow.ALL)).isEqualTo(6_500);
            assertThat(inTransaction().deleteForGood("p", EventWindow.ALL)).isEqualTo(6_500);
            assertThat(inTransaction().countMessages("p")).isZero();
            status.setRollbackOnly();
        });
        assertThat(ledger.repository().countMessages("p")).isEqualTo(6_500);
    }

    @Test
    void refusesWhatAnotherIsolationWouldGetWrong() throws SQLException {
        NewEvent keyed = NewEvent.builder("p", "e-1").idempotencyKey("key").build();
        try (Connection connection = Database.pool().getConnection()) {
            connection.setAutoCommit(false);
            EventRepository repository = ledger.repository(connection);
            ExportRequest request = ExportRequest.builder("p", Instant.now()).build();
            assertThatThrownBy(() -> repository.export(request, OutputStream.nullOutputStream()))
                    .isInstanceOf(EventExportException.class)
                    .hasMessageContaining("begin it in REPEATABLE READ");
            repository.record(keyed);
            connection.rollback();
            connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            assertThatThrownBy(() -> repository.record(keyed))
                    .isInstanceOf(EventLedgerException.class)
                    .hasMessageContaining("the events can't be recorded")
                    .hasMessageContaining("begin it in READ COMMITTED");
            assertThatThrownBy(() -> repository.deleteForGood("p", EventWindow.ALL))
                    .hasMessageContaining("begin it in READ COMMITTED");
            repository.record(event("e-2"));
            assertThat(repository
                            .export(request, OutputStream.nullOutputStream())
                            .events())
                    .isZero();
            connection.rollback();
        }
    }

    @Test
    void changesNoSettingOfTheConnection() throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            connection.setNetworkTimeout(Runnable::run, 12_345);
            connection.setAutoCommit(false);
            String before = settings(connection);
            EventRepository repository = ledger.repository(connection);
            repository.record(event("e-1"));
            repository.countMessages("p");
            assertThatThrownBy(() -> repository.record(event("e-1"))).isInstanceOf(EventLedgerException.class);
            assertThat(settings(connection)).isEqualTo(before);
            assertThat(connection.getAutoCommit()).isFalse();
            assertThat(connection.isReadOnly()).isFalse();
            assertThat(connection.getNetworkTimeout()).isEqualTo(12_345);
            connection.rollback();
            connection.setNetworkTimeout(Runnable::run, 0);
        }
    }

    private static String settings(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "select string_agg(name || '=' || setting, ' ' order by name) from pg_settings")) {
            row.next();
            return row.getString(1);
        }
    }

    @Test
    void refusesAConnectionInAutoCommitMode() throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            assertThatThrownBy(() -> ledger.repository(connection).record(event("e-1")))
                    .isInstanceOf(EventLedgerException.class)
                    .hasMessageContaining("auto-commit mode")
                    .hasMessageContaining("setAutoCommit(false)");
        }
        assertStored(List.of(), List.of());
    }
}
