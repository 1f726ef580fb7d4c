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
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

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
                "create trigger change before insert on " + events
                        + " for each row when (new.id = 'changed') execute function " + change + "()");
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
}
