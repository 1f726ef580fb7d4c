package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.events.EventFilter;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** No table has a word of an event any more that was deleted, expired or redacted. */
class LedgerPrivacyIT {

    private static final Instant OLD = Instant.parse("2026-01-20T00:00:00Z");
    private static final Instant AFTER_OLD = Instant.parse("2026-03-01T00:00:00Z");
    private static final String SECRET = "secretword";
    private static final EventFilter FOUND =
            EventFilter.builder().text(SECRET).state(EventFilter.State.ANY).build();

    private final ManualClock clock = ManualClock.at("2026-03-20T12:00:00Z");
    private String schema = "";
    private String events = "";
    private EventRepository ledger;
    private PostgresRollups rollups;
    private PostgresPartitions partitions;

    @BeforeEach
    void record() {
        schema = LedgerTables.install("privacy");
        events = Identifiers.qualified(schema, "events");
        TableMapping mapping = TableMapping.usagekit(schema);
        rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .clock(clock)
                .build();
        rollups.install();
        partitions = PostgresPartitions.builder(Database.pool())
                .mapping(mapping)
                .clock(clock)
                .build();
        ledger = PostgresLedger.of(Database.pool(), schema).repository();
        ledger.save(new Project("p", "org-1", ""));
        ledger.recordAll(List.of(
                event("old-id").payload(Payload.of("the " + SECRET)).build(),
                event("new-id")
                        .createdAt(clock.instant())
                        .payload(Payload.of("other words"))
                        .build()));
        ledger.tokenise("p", EventWindow.ALL);
        assertThat(tablesWith(SECRET)).hasSize(2);
        assertThat(ledger.count("p", FOUND)).isEqualTo(1);
    }

    private static NewEvent.Builder event(String id) {
        return NewEvent.builder("p", id).createdAt(OLD).endpointIds(List.of("endpoint"));
    }

    @AfterEach
    void drop() {
        rollups.removeWithRetained();
        Database.dropSchema(schema);
        Database.dropSchema(schema + "_partitions");
    }

    /** The tables of which a row has a text, also those of roll-ups and of partitions. */
    private List<String> tablesWith(String text) {
        return Database.column("select table_name::text from information_schema.tables"
                + " where left(table_schema, length('" + schema + "')) = '" + schema + "' and table_type = 'BASE TABLE'"
                + " and query_to_xml(format('select 1 from %I.%I t where t::text like ''%%" + text
                + "%%''', table_schema, table_name), true, false, '')::text like '%row%' order by 1");
    }

    private void assertNothingIsLeft() {
        assertThat(tablesWith(SECRET)).isEmpty();
        assertThat(ledger.count("p", FOUND)).isZero();
        assertThat(ledger.tokenise("p", EventWindow.ALL)).isLessThanOrEqualTo(1);
        assertThat(tablesWith(SECRET)).isEmpty();
        assertThat(ledger.count("p", EventFilter.builder().text("other").build()))
                .as("the words of other events")
                .isEqualTo(1);
    }

    private void assertThatEndpointsAreThoseOf(String id) {
        assertThat(Database.column("select event_id from " + Identifiers.qualified(schema, "events_endpoints")))
                .containsExactly(id);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "delete from %s where id = 'old-id'",
                "update %s set raw = 'redacted' where id = 'old-id'",
                "update %s set raw = 'redacted', created_at = '2026-02-20Z' where id = 'old-id'",
            })
    void deletesTheWordsOfAnEventThatSqlDeletesOrRedacts(String change) {
        for (boolean isPartitioned : List.of(false, true)) {
            if (isPartitioned) {
                Database.execute("delete from " + events + " where id = 'old-id'");
                partitions.partition(PartitionInterval.MONTH, new PartitionProgress() {});
                ledger.record(
                        event("old-id").payload(Payload.of("the " + SECRET)).build());
                ledger.tokenise("p", EventWindow.ALL);
                assertThat(tablesWith(SECRET)).isNotEmpty();
            }
            Database.execute(change.formatted(events));
            assertNothingIsLeft();
        }
    }

    @Test
    void deletesTheWordsOfEventsThatAreTruncated() {
        Database.execute("truncate " + events + " cascade");
        assertThat(tablesWith(SECRET)).isEmpty();
        assertThat(tablesWith("other")).isEmpty();
    }

    @Test
    void deletesTheWordsOfEventsThatAreDeletedForGood() {
        assertThat(ledger.deleteForGood("p", EventWindow.before(AFTER_OLD))).isEqualTo(1);
        assertNothingIsLeft();
        assertThatEndpointsAreThoseOf("new-id");
    }

    @Test
    void deletesTheWordsOfEventsThatRetentionDeletes() {
        assertThat(rollups.deleteBefore(AFTER_OLD, new RetentionProgress() {}).events())
                .isEqualTo(1);
        assertNothingIsLeft();
    }

    @Test
    void deletesTheWordsAndEndpointsOfAPartitionThatExpires() {
        partitions.partition(PartitionInterval.MONTH, new PartitionProgress() {});
        assertThat(partitions
                        .dropExpired(AFTER_OLD, new RetentionProgress() {})
                        .retention()
                        .events())
                .isEqualTo(1);
        assertNothingIsLeft();
        assertThatEndpointsAreThoseOf("new-id");
    }

    @Test
    void deletesWordsThatAPreviousVersionLeft() {
        Database.execute(
                "drop trigger usagekit_delete_words on " + events,
                "drop trigger usagekit_change_words on " + events,
                "drop trigger usagekit_truncate_words on " + events,
                "delete from " + events + " where id = 'old-id'");
        assertThat(tablesWith(SECRET)).hasSize(1);
        PostgresLedger.of(Database.pool(), schema).install();
        assertNothingIsLeft();
    }

    /** A transaction that redacts an event would otherwise not see the words that are being made of it. */
    @Test
    void keepsEventsFromBeingChangedWhileTheyAreTokenised() throws SQLException {
        ledger.deleteTokens("p", EventWindow.ALL);
        try (Connection connection = Database.pool().getConnection()) {
            connection.setAutoCommit(false);
            PostgresLedger.of(Database.pool(), schema).repository(connection).tokenise("p", EventWindow.ALL);
            assertThatThrownBy(() -> redact("set lock_timeout = '100ms'"))
                    .hasMessageContaining("canceling statement due to lock timeout");
            connection.commit();
            connection.setAutoCommit(true);
        }
        redact("set lock_timeout = 0");
        assertNothingIsLeft();
    }

    /** They are tokenised by the next run, as they are then. */
    @Test
    void leavesEventsThatAreBeingChangedUntokenised() throws SQLException {
        ledger.deleteTokens("p", EventWindow.ALL);
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("update " + events + " set raw = 'redacted' where id = 'old-id'");
            assertThat(ledger.tokenise("p", EventWindow.ALL)).isEqualTo(1);
            connection.commit();
            connection.setAutoCommit(true);
        }
        assertNothingIsLeft();
        assertThat(ledger.count("p", EventFilter.builder().text("redacted").build()))
                .isEqualTo(1);
    }

    private void redact(String setting) {
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            try {
                statement.execute(setting.replace("set ", "set local "));
                statement.execute("update " + events + " set raw = 'redacted' where id = 'old-id'");
                connection.commit();
            } finally {
                connection.rollback();
                connection.setAutoCommit(true);
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e.getMessage(), e);
        }
    }
}
