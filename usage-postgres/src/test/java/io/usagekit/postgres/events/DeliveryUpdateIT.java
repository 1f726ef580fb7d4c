package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Updates of many statuses beside other transactions, and with roll-ups. */
class DeliveryUpdateIT {

    private static final DeliveryFilter FAILED =
            DeliveryFilter.builder().statuses(List.of("Failure")).build();

    private String schema;
    private DeliveryRepository deliveries;

    /** Records 2,500 deliveries that failed, one a minute, of an event of 7 octets. */
    @BeforeEach
    void install() {
        schema = LedgerTables.install("delivery_update");
        String s = Identifiers.quote(schema);
        Database.execute(
                "insert into " + s + ".projects (id, organisation_id) values ('p', 'org-1')",
                "insert into " + s
                        + ".events (id, project_id, raw, created_at) values ('e', 'p', 'seven b', '2026-03-01Z')",
                "insert into " + s + ".event_deliveries (id, project_id, event_id, status, created_at)"
                        + " select 'd' || n, 'p', 'e', 'Failure', timestamptz '2026-03-01Z' + n * interval '1 minute'"
                        + " from generate_series(0, 2499) n");
        deliveries = PostgresLedger.of(Database.pool(), schema).deliveries();
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    private String table() {
        return Identifiers.qualified(schema, "event_deliveries");
    }

    @Test
    void keepsAStatusThatAnotherTransactionHasSetMeanwhile() throws Exception {
        assertThat(LedgerTables.changedBeside(
                        "update " + table() + " set status = 'Success' where id = 'd17'",
                        () -> deliveries.updateStatus("p", FAILED, "Scheduled")))
                .isEqualTo(2_499);
        assertThat(Database.query("select string_agg(id, '') from " + table() + " where status <> 'Scheduled'"))
                .isEqualTo("d17");
    }

    @Test
    void updatesInTransactionsOfAThousand() {
        assertThat(deliveries.updateStatus("p", FAILED, "Scheduled")).isEqualTo(2_500);
        assertThat(Database.query("select count(*) || ' of at most ' || max(n) from (select count(*) as n from "
                        + table() + " group by xmin::text) x"))
                .isEqualTo("3 of at most 1000");
    }

    @Test
    void keepsRollupsExact() {
        PostgresRollups rollups = PostgresRollups.builder(Database.pool())
                .mapping(TableMapping.usagekit(schema))
                .clock(ManualClock.at("2026-04-02T00:00:00Z"))
                .build();
        rollups.install();
        try (RollupWorker worker = rollups.worker().build()) {
            roll(worker);
            assertSent(rollups, 0);
            DeliveryFilter later = DeliveryFilter.builder()
                    .window(EventWindow.since(Instant.parse("2026-03-01T10:00:00Z")))
                    .build();
            assertThat(deliveries.updateStatus("p", later, Delivery.SUCCESS)).isEqualTo(1_900);
            assertSent(rollups, 1_900);
            roll(worker);
            assertSent(rollups, 1_900);
            assertThat(deliveries.updateStatus("p", DeliveryFilter.ALL, "Discarded"))
                    .isEqualTo(2_500);
            assertSent(rollups, 0);
            roll(worker);
            assertSent(rollups, 0);
        } finally {
            rollups.remove();
        }
    }

    private static void roll(RollupWorker worker) {
        while (!worker.runOnce().finished()) {
            Thread.onSpinWait();
        }
    }

    private void assertSent(PostgresRollups rollups, long volume) {
        UsageKey month = new UsageKey("org-1", UsagePeriod.parse("2026-03"));
        Duration timeout = Duration.ofSeconds(30);
        OrganisationUsage rolled = rollups.calculator().calculate(month, timeout);
        assertThat(rolled.sent()).isEqualTo(new UsageMetrics(volume, 7 * volume));
        assertThat(rolled.sent())
                .isEqualTo(PostgresUsage.calculator(Database.pool(), TableMapping.usagekit(schema))
                        .calculate(month, timeout)
                        .sent());
    }
}
