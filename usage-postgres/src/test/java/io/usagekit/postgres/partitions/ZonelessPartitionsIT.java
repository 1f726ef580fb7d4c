package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rollups.FigureComparison;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.VerificationProgress;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Tables whose times are without a zone, in UTC, have indexes and roll-ups and are partitioned, whatever the zone of the host's
 * sessions.
 */
class ZonelessPartitionsIT {

    private static final UsageKey MARCH = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final UsageKey FEBRUARY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 2)));
    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    private final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
    private String schema = "";
    private TableMapping mapping = TableMapping.gateway();
    private PostgresRollups rollups = PostgresRollups.of(Database.pool(), mapping);

    @BeforeEach
    void create() {
        schema = Database.newSchema("zoneless");
        mapping = TableMapping.gateway(schema).toBuilder()
                .timestampsIn(ZoneOffset.UTC)
                .build();
        rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .clock(clock)
                .build();
        run(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamp)",
                "create table {s}.events (id varchar primary key, project_id varchar not null, raw text, data text, created_at timestamp not null, deleted_at timestamp)",
                "create table {s}.event_deliveries (id varchar primary key, project_id varchar not null, event_id varchar not null, status text, created_at timestamp not null)",
                "insert into {s}.projects values ('p', 'org-123')",
                "insert into {s}.events select 'e' || n, 'p', 'seven b', null, timestamp '2026-01-20' + n * interval '1 hour' from generate_series(0, 1300) n",
                "insert into {s}.event_deliveries select 'd' || n, 'p', 'e' || n, 'Success', timestamp '2026-01-20 00:00:01' + n * interval '1 hour' from generate_series(0, 1300) n");
    }

    @AfterEach
    void drop() {
        rollups.removeWithRetained();
        Database.dropSchema(schema + "_partitions");
        Database.dropSchema(schema);
    }

    private void run(String... statements) {
        for (String statement : statements) {
            Database.execute(statement.replace("{s}", Identifiers.quote(schema)));
        }
    }

    private void runWorker() {
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
    }

    /** Raw rows by hand, in UTC: the session of this statement is in another zone. */
    private CombinedQuery.Totals expected(UsageKey key) {
        String window = " where created_at >= '" + key.period().start() + "' and created_at < '"
                + key.period().end() + "'";
        List<String> counts = Database.column(("select count(*) from {s}.events" + window
                        + " union all select count(*) from {s}.event_deliveries" + window)
                .replace("{s}", Identifiers.quote(schema)));
        long received = Long.parseLong(counts.get(0));
        long sent = Long.parseLong(counts.get(1));
        return new CombinedQuery.Totals(new UsageMetrics(received, 7 * received), new UsageMetrics(sent, 7 * sent));
    }

    private void assertFigures(String when) {
        for (UsageKey key : List.of(FEBRUARY, MARCH)) {
            FigureComparison.Pair pair = new FigureComparison(Database.pool(), rollups, mapping).compare(key);
            assertThat(pair.raw()).as("%s %s", key, when).isEqualTo(expected(key));
            assertThat(pair.rolled()).as("%s from roll-ups %s", key, when).isEqualTo(expected(key));
        }
    }

    @Test
    void tablesAreIndexedRolledPartitionedAndExpired() {
        PostgresUsage.installIndexes(Database.pool(), mapping);
        rollups.install();
        runWorker();
        assertFigures("rolled");

        // A host whose sessions are west of Greenwich records late events.
        Database.execute(
                "set timezone = 'America/Los_Angeles'",
                "insert into " + Identifiers.quote(schema)
                        + ".events values ('late', 'p', 'seven b', null, '2026-03-17 11:30'), ('later', 'p', 'seven b', null, '2026-02-28 23:59:59')",
                "update " + Identifiers.quote(schema)
                        + ".event_deliveries set created_at = created_at - interval '3 hours' where created_at < '2026-03-01 02:30'",
                "reset timezone");
        assertFigures("after late changes");
        runWorker();
        assertFigures("re-rolled");
        assertThat(rollups.verify(new VerificationProgress() {})).isZero();

        PostgresPartitions partitions = PostgresPartitions.builder(Database.pool())
                .mapping(mapping)
                .rollups(rollups)
                .clock(clock)
                .ahead(1)
                .build();
        partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        assertFigures("partitioned");
        assertThat(partitions.status().events().partitions())
                .extracting(
                        partition -> partition.lower().map(Instant::toString).orElse("default"))
                .containsExactly(
                        "2026-01-01T00:00:00Z",
                        "2026-02-01T00:00:00Z",
                        "2026-03-01T00:00:00Z",
                        "2026-04-01T00:00:00Z",
                        "default");
        clock.advance(Duration.ofDays(30));
        assertThat(partitions.createAhead().created()).isNotEmpty();
        assertThat(partitions.createAhead().created()).as("already there").isEmpty();

        CombinedQuery.Totals february = expected(FEBRUARY);
        runWorker();
        partitions.dropExpired(Instant.parse("2026-03-01T00:00:00Z"), new RetentionProgress() {});
        var usage = rollups.calculator().calculate(FEBRUARY, TIMEOUT);
        assertThat(new CombinedQuery.Totals(usage.received(), usage.sent())).isEqualTo(february);
        assertThat(partitions.status().events().partitions().get(0).lower())
                .contains(Instant.parse("2026-03-01T00:00:00Z"));
    }

    @Test
    void operationsNameTheWayOnWhereTheZoneIsntMapped() {
        TableMapping unmapped = TableMapping.gateway(schema);
        assertThatThrownBy(() -> PostgresUsage.discover(Database.pool(), schema))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("map timestampsIn(ZoneOffset.UTC)");
        assertThatThrownBy(() -> PostgresRollups.of(Database.pool(), unmapped).install())
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("map timestampsIn(ZoneOffset.UTC)");
    }
}
