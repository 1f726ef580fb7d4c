package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.rollups.FigureComparison;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.VerificationProgress;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Partitions both tables and makes them plain again, and compares the tables before, between and after. */
class PartitionIT {

    private final PartitionFixture tables = PartitionFixture.create();
    private final PostgresPartitions partitions = tables.partitions();

    @AfterEach
    void drop() {
        tables.close();
    }

    private static final UsageKey YEAR = new UsageKey(
            "org-123",
            UsagePeriod.between(Instant.parse("2025-06-01T00:00:00Z"), Instant.parse("2026-06-01T00:00:00Z")));

    @Test
    void keepsRowsAndEverythingThatBelongsToATable() {
        String rows = tables.rows();
        List<String> description = tables.description();
        PartitionResult partitioned = partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        assertThat(partitioned.copied()).isEqualTo(PartitionFixture.EVENTS + PartitionFixture.DELIVERIES);
        assertThat(tables.rows()).isEqualTo(rows);
        assertThat(PartitionFixture.essence(tables.description()))
                .as("names, definitions, privileges, triggers")
                .containsExactlyInAnyOrderElementsOf(PartitionFixture.essence(tables.partitioned(description)));
        assertThat(tables.description())
                .as("sequences")
                .containsAll(description.stream()
                        .filter(line -> line.startsWith("sequence"))
                        .toList());
        assertThat(tables.one("select count(*) from pg_partition_tree('{s}.events') where isleaf"))
                .as("from November to June, and the default one")
                .isEqualTo("9");
        PartitionResult plain = partitions.unpartition(PartitionProgress.NONE);
        assertThat(plain.copied()).isEqualTo(partitioned.copied());
        assertThat(tables.rows()).isEqualTo(rows);
        assertThat(tables.description()).isEqualTo(description);
        assertThat(tables.one("select to_regnamespace('" + tables.schema + "_partitions') is null"))
                .as("nothing is left behind")
                .isEqualTo("t");
    }

    @Test
    void keepsFiguresAndContinuesRollUps() {
        tables.installRollups();
        CombinedQuery.Totals before = tables.read(YEAR).raw();
        partitions.partition(PartitionInterval.WEEK, PartitionProgress.NONE);
        assertThat(tables.read(YEAR).rolled()).isEqualTo(before);
        assertThat(tables.rollups.status().orElseThrow().coveredBefore())
                .as("what is rolled up stays covered")
                .isPresent();
        assertThat(tables.rollups.verify(new VerificationProgress() {})).isZero();
        tables.run(
                "insert into {s}.events (id, project_id, raw, created_at) values ('late', 'p', 'late!', '2026-02-03Z')",
                "insert into {s}.event_deliveries values ('late', 'p', 'late', 'Success', '2026-02-04Z')",
                "update {s}.events set raw = 'longer than it was', created_at = '2026-01-01Z' where id = 'e20'",
                "delete from {s}.event_deliveries where id = 'd30'");
        FigureComparison.Pair changed = tables.read(YEAR);
        assertThat(changed.markedHours()).isPositive();
        assertThat(changed.rolled()).isEqualTo(changed.raw()).isNotEqualTo(before);
        tables.runWorker();
        assertThat(tables.read(YEAR).isEqual()).isTrue();
        partitions.unpartition(PartitionProgress.NONE);
        assertThat(tables.read(YEAR).isEqual()).isTrue();
        assertThat(tables.rollups.verify(new VerificationProgress() {})).isZero();
        tables.run("truncate {s}.events, {s}.event_deliveries, {s}.notes");
        assertThat(tables.read(YEAR).rolled().received().volume()).isZero();
    }

    @Test
    void marksRollUpsWhenAPartitionIsTruncated() {
        tables.installRollups();
        partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        tables.run("truncate {s}.event_deliveries_p202601");
        assertThat(tables.read(YEAR).isEqual()).isTrue();
        assertThat(tables.rollups.status().orElseThrow().coveredBefore()).isEmpty();
    }

    // Foreign keys.

    @Test
    void enforcesForeignKeysToEventsInEachShape() {
        for (int shape = 0; shape < 3; shape++) {
            String key = "k" + shape;
            String as = "in shape " + shape;
            tables.run(
                    "insert into {s}.events (id, project_id, created_at) values ('" + key + "', 'p', '2026-03-01Z'), ('"
                            + key + "b', 'p', '2026-03-01Z')",
                    "insert into {s}.event_deliveries values ('" + key + "', 'p', '" + key + "', 'Success', now())",
                    "insert into {s}.notes (event_id, pinned_id) values ('" + key + "b', '" + key + "b')");
            assertThat(tables.fails("insert into {s}.event_deliveries values ('x', 'p', 'unknown', 'Success', now())"))
                    .as(as)
                    .isEqualTo("23503 event_deliveries_event_id_fkey");
            assertThat(tables.fails("update {s}.event_deliveries set event_id = 'unknown' where id = '" + key + "'"))
                    .as(as)
                    .isEqualTo("23503 event_deliveries_event_id_fkey");
            assertThat(tables.fails("delete from {s}.events where id = '" + key + "'"))
                    .as(as)
                    .isEqualTo("23503 event_deliveries_event_id_fkey");
            assertThat(tables.fails("update {s}.events set id = 'other' where id = '" + key + "'"))
                    .as(as)
                    .isEqualTo("23503 event_deliveries_event_id_fkey");
            assertThat(tables.fails("insert into {s}.events (id, project_id) values ('x', 'unknown')"))
                    .as(as)
                    .isEqualTo("23503 events_project_id_fkey");
            assertThat(tables.fails("delete from {s}.projects where id = 'p'"))
                    .as(as)
                    .startsWith("23503");
            tables.run("update {s}.events set id = '" + key + "c' where id = '" + key + "b'");
            assertThat(tables.one("select string_agg(event_id, ',') from {s}.notes where pinned_id = '" + key + "c'"))
                    .as(as + ": on update cascade")
                    .isEqualTo(key + "c");
            tables.run("update {s}.events set created_at = '2026-02-01Z' where id = '" + key + "c'");
            tables.run("update {s}.events set created_at = '2026-02-01Z' where id = '" + key + "'");
            assertThat(tables.one("select count(*) from {s}.notes where event_id = '" + key + "c'"))
                    .as(as + ": a row that moves to another partition still exists")
                    .isEqualTo("1");
            tables.run("insert into {s}.notes (event_id, pinned_id) values ('e1', '" + key + "c')");
            tables.run("delete from {s}.events where id = '" + key + "c'");
            assertThat(tables.one("select count(*) from {s}.notes where event_id = '" + key + "c'"))
                    .as(as + ": on delete cascade")
                    .isEqualTo("0");
            assertThat(tables.one("select count(*) from {s}.notes where event_id = 'e1' and pinned_id is null"))
                    .as(as + ": on delete set null")
                    .isEqualTo("1");
            assertThat(tables.fails("truncate {s}.events")).as(as).isNotEmpty();
            tables.run("delete from {s}.notes where event_id = 'e1'");
            if (shape == 0) {
                partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
            } else if (shape == 1) {
                partitions.unpartition(PartitionProgress.NONE);
            }
        }
    }

    @Test
    void rejectsDeletionOfAnEventThatAnUncommittedRowRefersTo() throws SQLException {
        partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        tables.run("insert into {s}.events (id, project_id) values ('k', 'p')");
        try (Connection host = tables.begin()) {
            tables.run(host, "insert into {s}.event_deliveries values ('k', 'p', 'k', 'Success', now())");
            CompletableFuture<String> deletion =
                    CompletableFuture.supplyAsync(() -> tables.fails("delete from {s}.events where id = 'k'"));
            tables.awaitWaiting("delete from%");
            host.commit();
            host.setAutoCommit(true);
            assertThat(deletion.orTimeout(30, TimeUnit.SECONDS).join())
                    .isEqualTo("23503 event_deliveries_event_id_fkey");
        }
    }

    // Creating and dropping partitions.

    @Test
    void createsPartitionsAheadExceptWhereTheDefaultPartitionHoldsRows() {
        tables.installRollups();
        partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        assertThat(partitions.createAhead()).isEqualTo(new CreateAheadResult(List.of(), List.of(), List.of()));
        tables.clock.advance(Duration.ofDays(31));
        assertThat(partitions.createAhead())
                .isEqualTo(new CreateAheadResult(
                        List.of("events_p202607", "event_deliveries_p202607"), List.of(), List.of()));
        assertThat(partitions.createAhead().created()).isEmpty();
        tables.run(
                "insert into {s}.events (id, project_id, raw, created_at) values ('new', 'p', 'new', '2026-07-31T23:59Z'), ('newer', 'p', 'newer', '2026-08-01Z')");
        assertThat(tables.column(
                        "select tableoid::regclass::text from {s}.events where id in ('new', 'newer') order by id"))
                .containsExactly(tables.schema + ".events_p202607", tables.schema + ".events_pdefault");
        tables.clock.advance(Duration.ofDays(31));
        assertThat(partitions.createAhead())
                .as("the default partition holds rows of August")
                .isEqualTo(new CreateAheadResult(
                        List.of("event_deliveries_p202608"), List.of("events_p202608"), List.of()));
        String rows = tables.rows();
        partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        assertThat(tables.column("select tableoid::regclass::text from {s}.events where id = 'newer'"))
                .as("partition creates the partitions again")
                .containsExactly(tables.schema + ".events_p202608");
        assertThat(tables.rows()).isEqualTo(rows);
        tables.run("insert into {s}.events (id, project_id, created_at) values ('far', 'p', '2030-01-01Z')");
        assertThat(partitions
                        .partition(PartitionInterval.MONTH, PartitionProgress.NONE)
                        .copied())
                .as("rows too far ahead cause no rewrite")
                .isZero();
        tables.run("truncate " + tables.one("select tableoid::regclass from {s}.events where id = 'new'"));
        assertThat(tables.rollups.status().orElseThrow().coveredBefore())
                .as("a new partition has the truncate trigger")
                .isEmpty();
    }

    @Test
    void dropsExpiredPartitionsAndKeepsFigures() {
        assertThatThrownBy(
                        () -> partitions.dropExpired(Instant.parse("2026-01-15T00:00:00Z"), new RetentionProgress() {}))
                .as("without roll-ups figures would fall")
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("there are no roll-ups");
        tables.installRollups();
        partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        CombinedQuery.Totals before = tables.read(YEAR).raw();
        tables.run("insert into {s}.notes (event_id) values ('e0')"); // cascades
        tables.run("update {s}.event_deliveries set created_at = '2026-03-01Z' where id = 'd0'");
        PartitionExpiryResult expiry =
                partitions.dropExpired(Instant.parse("2026-01-15T00:00:00Z"), new RetentionProgress() {});
        assertThat(expiry.dropped())
                .containsExactly("event_deliveries_p202511", "event_deliveries_p202512", "events_p202512");
        assertThat(expiry.kept()).as("e0 was delivered in March").containsExactly("events_p202511");
        assertThat(expiry.retention().keptEvents()).isEqualTo(1);
        assertThat(tables.figure(YEAR)).isEqualTo(before);
        partitions.unpartition(PartitionProgress.NONE);
        assertThat(tables.figure(YEAR)).isEqualTo(before);
    }

    @Test
    void statusDescribesEachShape() {
        assertThat(partitions.status().events())
                .isEqualTo(new PartitionStatus.Table(Optional.empty(), Optional.empty(), List.of(), Optional.empty()));
        partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        PartitionStatus.Table events = partitions.status().events();
        assertThat(events.interval()).contains(PartitionInterval.MONTH);
        assertThat(events.rewrite()).isEmpty();
        assertThat(events.partitions()).hasSize(9);
        assertThat(events.partitions().get(0).name()).isEqualTo("events_p202511");
        assertThat(events.partitions().get(0).lower()).contains(Instant.parse("2025-11-01T00:00:00Z"));
        assertThat(events.partitions().get(0).upper()).contains(Instant.parse("2025-12-01T00:00:00Z"));
        assertThat(events.partitions().get(0).rows()).isPositive();
        assertThat(events.partitions().get(8).lower()).isEmpty();
    }
}
