package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.Delivery;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Deletion while deliveries are being recorded, and with roll-ups. */
class LedgerDeletionIT {

    private static final Instant NOW = Instant.parse("2026-03-17T12:00:00Z");

    private String schema;
    private EventRepository ledger;

    @BeforeEach
    void install() {
        schema = LedgerTables.install("deletion");
        ledger = PostgresLedger.of(Database.pool(), schema).repository();
        ledger.save(new Project("p", "org-1", ""));
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    private void recordEvent(String id, Instant at) {
        ledger.record(NewEvent.builder("p", id)
                .createdAt(at)
                .payload(Payload.of("seven b"))
                .build());
    }

    @Test
    void keepsAnEventWhileADeliveryIsRecorded() throws Exception {
        recordEvent("e", NOW);
        recordEvent("other", NOW);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection recording = Database.pool().getConnection()) {
            recording.setAutoCommit(false);
            deliver(recording, "e");
            Future<Long> deletion = thread.submit(() -> ledger.deleteForGood("p", EventWindow.ALL));
            Database.awaitASessionThatWaitsFor(recording);
            recording.commit();
            assertThat(deletion.get(30, TimeUnit.SECONDS)).isEqualTo(1);
        } finally {
            thread.shutdownNow();
        }
        assertThat(ledger.find("p", "e")).as("what was delivered meanwhile").isPresent();
        assertThat(ledger.find("p", "other")).isEmpty();
    }

    /** The negative control: without the second check for deliveries, after the wait, the event would be deleted. */
    @Test
    void deletesADeliveredEventWithoutTheSecondCheck() throws Exception {
        recordEvent("e", NOW);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection recording = Database.pool().getConnection();
                Connection deleting = Database.pool().getConnection()) {
            recording.setAutoCommit(false);
            deliver(recording, "e");
            Future<List<String>> deletion = thread.submit(() -> {
                LedgerSql sql = LedgerSql.in(schema, ProjectScope.ALIVE);
                Scan scan = new Scan(EventOrder.ASCENDING, Optional.empty(), 10);
                deleting.setAutoCommit(false);
                List<String> locked = sql.call(
                                deleting,
                                LedgerStatement.LOCK_UNDELIVERED_EVENTS,
                                LedgerFilter.of(EventWindow.ALL),
                                scan)
                        .text("project_id", "p")
                        .list(row -> row.text("id"));
                deleting.commit();
                return locked;
            });
            Database.awaitASessionThatWaitsFor(recording);
            recording.commit();
            assertThat(deletion.get(30, TimeUnit.SECONDS)).containsExactly("e");
            deleting.setAutoCommit(true);
            recording.setAutoCommit(true);
        } finally {
            thread.shutdownNow();
        }
    }

    /** A batch in which another session deletes a row has one less to delete, and isn't the last one for that. */
    @Test
    void deletesAllBesideAnotherDeletion() throws Exception {
        Database.execute("insert into " + Identifiers.qualified(schema, "events")
                + " (id, project_id, created_at) select 'e' || n, 'p', timestamptz '2026-03-01Z' + n * interval '1 s'"
                + " from generate_series(1, 6500) n");
        assertThat(LedgerTables.changedBeside(
                        "update " + Identifiers.qualified(schema, "events")
                                + " set deleted_at = now() where id = 'e17'",
                        () -> ledger.delete("p", EventWindow.ALL)))
                .isEqualTo(6_499);
        assertThat(ledger.countMessages("p")).isZero();
    }

    @Test
    void deletesAllTokensBesideAnotherDeletion() throws Exception {
        Database.execute("insert into " + Identifiers.qualified(schema, "events_search")
                + " (event_id, project_id, event_created_at, words)"
                + " select 'e' || n, 'p', timestamptz '2026-03-01Z' + n % 10 * interval '1 s', 'word'"
                + " from generate_series(1, 20500) n");
        assertThat(LedgerTables.changedBeside(
                        "delete from " + Identifiers.qualified(schema, "events_search") + " where event_id = 'e10'",
                        () -> ledger.deleteTokens("p", EventWindow.ALL)))
                .isEqualTo(20_499);
        assertThat(Database.query("select count(*) from " + Identifiers.qualified(schema, "events_search")))
                .isEqualTo("0");
    }

    private void deliver(Connection connection, String eventId) throws SQLException {
        LedgerSql.in(schema, ProjectScope.ALIVE)
                .call(connection, LedgerStatement.INSERT_DELIVERIES)
                .texts("ids", List.of("delivery of " + eventId))
                .texts("project_ids", List.of("p"))
                .texts("event_ids", List.of(eventId))
                .texts("endpoint_ids", List.of(""))
                .texts("statuses", List.of(Delivery.SUCCESS))
                .instants("created_ats", List.of(NOW))
                .texts("failure_reasons", List.of(""))
                .texts("metadata", List.of(""))
                .text("table", Identifiers.qualified(schema, "event_deliveries"))
                .list(row -> row.text("id"));
    }

    @Test
    void keepsRollupsExact() {
        for (int n = 0; n < 40; n++) {
            recordEvent("e" + n, NOW.minus(Duration.ofHours(n)));
            if (n % 4 == 0) {
                ledger.recordDeliveries(List.of(new NewDelivery(
                        "d" + n, "p", "e" + n, "", Delivery.SUCCESS, Optional.of(NOW.minus(Duration.ofHours(n / 2))))));
            }
        }
        TableMapping mapping = TableMapping.usagekit(schema);
        PostgresRollups rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .clock(ManualClock.at("2026-04-02T00:00:00Z"))
                .build();
        rollups.install();
        try (RollupWorker worker = rollups.worker().build()) {
            roll(worker);
            assertFigures(rollups, mapping, 40, 10);
            assertThat(ledger.delete("p", EventWindow.before(NOW.minus(Duration.ofHours(19)))))
                    .isEqualTo(20);
            assertFigures(rollups, mapping, 20, 10);
            roll(worker);
            assertFigures(rollups, mapping, 20, 10);
            assertThat(ledger.deleteForGood("p", EventWindow.since(NOW.minus(Duration.ofHours(7)))))
                    .isEqualTo(6);
            assertFigures(rollups, mapping, 14, 10);
            roll(worker);
            assertFigures(rollups, mapping, 14, 10);
        } finally {
            rollups.remove();
        }
    }

    private static void roll(RollupWorker worker) {
        while (!worker.runOnce().finished()) {
            Thread.onSpinWait();
        }
    }

    private static void assertFigures(PostgresRollups rollups, TableMapping mapping, long received, long sent) {
        for (UsageCalculator calculator :
                List.of(rollups.calculator(), PostgresUsage.calculator(Database.pool(), mapping))) {
            OrganisationUsage usage =
                    calculator.calculate(new UsageKey("org-1", UsagePeriod.parse("2026-03")), Duration.ofSeconds(30));
            assertThat(usage.received().volume()).isEqualTo(received);
            assertThat(usage.received().bytes()).isEqualTo(7 * received);
            assertThat(usage.sent().volume()).isEqualTo(sent);
            assertThat(usage.sent().bytes()).isEqualTo(7 * sent);
        }
    }
}
