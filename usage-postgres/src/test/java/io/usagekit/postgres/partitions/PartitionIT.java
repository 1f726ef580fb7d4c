package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculationException;
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
import org.junit.jupiter.api.Test;

/** Both tables are partitioned and made plain again: what was there before is there afterwards. */
class PartitionIT extends PartitionSuite {

    private static final UsageKey YEAR = new UsageKey(
            "org-123",
            UsagePeriod.between(Instant.parse("2025-06-01T00:00:00Z"), Instant.parse("2026-06-01T00:00:00Z")));

    @Test
    void rowsAndAllThatBelongsToATableStayWhatTheyAre() {
        String rows = scene.rows();
        List<String> description = scene.description();
        PartitionResult there = partitions.partition(PartitionInterval.MONTH, NOBODY);
        assertThat(there.copied()).isEqualTo(PartitionFixture.EVENTS + PartitionFixture.DELIVERIES);
        assertThat(scene.rows()).isEqualTo(rows);
        assertThat(PartitionFixture.essence(scene.description()))
                .as("names, definitions, privileges, triggers")
                .containsExactlyInAnyOrderElementsOf(PartitionFixture.essence(scene.partitioned(description)));
        assertThat(scene.description())
                .as("sequences")
                .containsAll(description.stream()
                        .filter(line -> line.startsWith("sequence"))
                        .toList());
        assertThat(scene.one("select count(*) from pg_partition_tree('{s}.events') where isleaf"))
                .as("from November to June, and the default one")
                .isEqualTo("9");
        PartitionResult back = partitions.unpartition(NOBODY);
        assertThat(back.copied()).isEqualTo(there.copied());
        assertThat(scene.rows()).isEqualTo(rows);
        assertThat(scene.description()).isEqualTo(description);
        assertThat(scene.one("select to_regnamespace('" + scene.schema + "_partitions') is null"))
                .as("nothing is left behind")
                .isEqualTo("t");
    }

    @Test
    void figuresStayAndRollUpsGoOn() {
        scene.installRollups(clock);
        CombinedQuery.Totals before = scene.read(YEAR).raw();
        partitions.partition(PartitionInterval.WEEK, NOBODY);
        assertThat(scene.read(YEAR).rolled()).isEqualTo(before);
        assertThat(scene.rollups.status().orElseThrow().coveredBefore())
                .as("what is rolled isn't forgotten")
                .isPresent();
        assertThat(scene.rollups.verify(new VerificationProgress() {})).isZero();
        scene.run(
                "insert into {s}.events (id, project_id, raw, created_at) values ('late', 'p', 'late!', '2026-02-03Z')",
                "insert into {s}.event_deliveries values ('late', 'p', 'late', 'Success', '2026-02-04Z')",
                "update {s}.events set raw = 'longer than it was', created_at = '2026-01-01Z' where id = 'e20'",
                "delete from {s}.event_deliveries where id = 'd30'");
        FigureComparison.Pair changed = scene.read(YEAR);
        assertThat(changed.markedHours()).isPositive();
        assertThat(changed.rolled()).isEqualTo(changed.raw()).isNotEqualTo(before);
        scene.runWorker();
        assertThat(scene.read(YEAR).isEqual()).isTrue();
        partitions.unpartition(NOBODY);
        assertThat(scene.read(YEAR).isEqual()).isTrue();
        assertThat(scene.rollups.verify(new VerificationProgress() {})).isZero();
        scene.run("truncate {s}.events, {s}.event_deliveries, {s}.notes");
        assertThat(scene.read(YEAR).rolled().received().volume()).isZero();
    }

    @Test
    void thatAPartitionIsTruncatedIsTold() {
        scene.installRollups(clock);
        partitions.partition(PartitionInterval.MONTH, NOBODY);
        scene.run("truncate {s}.event_deliveries_p202601");
        assertThat(scene.read(YEAR).isEqual()).isTrue();
        assertThat(scene.rollups.status().orElseThrow().coveredBefore()).isEmpty();
    }

    // Foreign keys.

    @Test
    void foreignKeysToEventsActAsBefore() {
        for (int shape = 0; shape < 3; shape++) {
            String key = "k" + shape;
            String as = "in shape " + shape;
            scene.run(
                    "insert into {s}.events (id, project_id, created_at) values ('" + key + "', 'p', '2026-03-01Z'), ('"
                            + key + "b', 'p', '2026-03-01Z')",
                    "insert into {s}.event_deliveries values ('" + key + "', 'p', '" + key + "', 'Success', now())",
                    "insert into {s}.notes (event_id, pinned_id) values ('" + key + "b', '" + key + "b')");
            assertThat(scene.fails("insert into {s}.event_deliveries values ('x', 'p', 'unknown', 'Success', now())"))
                    .as(as)
                    .isEqualTo("23503 event_deliveries_event_id_fkey");
            assertThat(scene.fails("update {s}.event_deliveries set event_id = 'unknown' where id = '" + key + "'"))
                    .as(as)
                    .isEqualTo("23503 event_deliveries_event_id_fkey");
            assertThat(scene.fails("delete from {s}.events where id = '" + key + "'"))
                    .as(as)
                    .isEqualTo("23503 event_deliveries_event_id_fkey");
            assertThat(scene.fails("update {s}.events set id = 'other' where id = '" + key + "'"))
                    .as(as)
                    .isEqualTo("23503 event_deliveries_event_id_fkey");
            assertThat(scene.fails("insert into {s}.events (id, project_id) values ('x', 'unknown')"))
                    .as(as)
                    .isEqualTo("23503 events_project_id_fkey");
            assertThat(scene.fails("delete from {s}.projects where id = 'p'"))
                    .as(as)
                    .startsWith("23503");
            scene.run("update {s}.events set id = '" + key + "c' where id = '" + key + "b'");
            assertThat(scene.one("select string_agg(event_id, ',') from {s}.notes where pinned_id = '" + key + "c'"))
                    .as(as + ": on update cascade")
                    .isEqualTo(key + "c");
            scene.run("update {s}.events set created_at = '2026-02-01Z' where id = '" + key + "c'");
            scene.run("update {s}.events set created_at = '2026-02-01Z' where id = '" + key + "'");
            assertThat(scene.one("select count(*) from {s}.notes where event_id = '" + key + "c'"))
                    .as(as + ": a row that moves is still there")
                    .isEqualTo("1");
            scene.run("insert into {s}.notes (event_id, pinned_id) values ('e1', '" + key + "c')");
            scene.run("delete from {s}.events where id = '" + key + "c'");
            assertThat(scene.one("select count(*) from {s}.notes where event_id = '" + key + "c'"))
                    .as(as + ": on delete cascade")
                    .isEqualTo("0");
            assertThat(scene.one("select count(*) from {s}.notes where event_id = 'e1' and pinned_id is null"))
                    .as(as + ": on delete set null")
                    .isEqualTo("1");
            assertThat(scene.fails("truncate {s}.events")).as(as).isNotEmpty();
            scene.run("delete from {s}.notes where event_id = 'e1'");
            if (shape == 0) {
                partitions.partition(PartitionInterval.MONTH, NOBODY);
            } else if (shape == 1) {
                partitions.unpartition(NOBODY);
            }
        }
    }

    @Test
    void anEventThatIsBeingReferredToIsNotDeleted() throws SQLException {
        partitions.partition(PartitionInterval.MONTH, NOBODY);
        scene.run("insert into {s}.events (id, project_id) values ('k', 'p')");
        try (Connection host = scene.begin()) {
            scene.run(host, "insert into {s}.event_deliveries values ('k', 'p', 'k', 'Success', now())");
            CompletableFuture<String> deletion =
                    CompletableFuture.supplyAsync(() -> scene.fails("delete from {s}.events where id = 'k'"));
            scene.awaitWaiting("delete from%");
            host.commit();
            host.setAutoCommit(true);
            assertThat(deletion.orTimeout(30, TimeUnit.SECONDS).join())
                    .isEqualTo("23503 event_deliveries_event_id_fkey");
        }
    }

    // What comes and goes.

    @Test
    void comingPartitionsAreCreated() {
        scene.installRollups(clock);
        partitions.partition(PartitionInterval.MONTH, NOBODY);
        assertThat(partitions.createAhead()).isEqualTo(new CreateAheadResult(List.of(), List.of()));
        clock.advance(Duration.ofDays(31));
        assertThat(partitions.createAhead())
                .isEqualTo(new CreateAheadResult(List.of("events_p202607", "event_deliveries_p202607"), List.of()));
        assertThat(partitions.createAhead().created()).isEmpty();
        scene.run(
                "insert into {s}.events (id, project_id, raw, created_at) values ('new', 'p', 'new', '2026-07-31T23:59Z'), ('newer', 'p', 'newer', '2026-08-01Z')");
        assertThat(scene.column(
                        "select tableoid::regclass::text from {s}.events where id in ('new', 'newer') order by id"))
                .containsExactly(scene.schema + ".events_p202607", scene.schema + ".events_pdefault");
        clock.advance(Duration.ofDays(31));
        assertThat(partitions.createAhead())
                .as("rows of August stand in the default partition")
                .isEqualTo(new CreateAheadResult(List.of("event_deliveries_p202608"), List.of("events_p202608")));
        String rows = scene.rows();
        partitions.partition(PartitionInterval.MONTH, NOBODY);
        assertThat(scene.column("select tableoid::regclass::text from {s}.events where id = 'newer'"))
                .as("partitions are made anew")
                .containsExactly(scene.schema + ".events_p202608");
        assertThat(scene.rows()).isEqualTo(rows);
        scene.run("insert into {s}.events (id, project_id, created_at) values ('far', 'p', '2030-01-01Z')");
        assertThat(partitions.partition(PartitionInterval.MONTH, NOBODY).copied())
                .as("what is too far ahead isn't worth it")
                .isZero();
        scene.run("truncate " + scene.one("select tableoid::regclass from {s}.events where id = 'new'"));
        assertThat(scene.rollups.status().orElseThrow().coveredBefore())
                .as("also that a new partition is truncated is told")
                .isEmpty();
    }

    @Test
    void expiredPartitionsAreDroppedAndFiguresStay() {
        assertThatThrownBy(
                        () -> partitions.dropExpired(Instant.parse("2026-01-15T00:00:00Z"), new RetentionProgress() {}))
                .as("without roll-ups figures would fall")
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("there are no roll-ups");
        scene.installRollups(clock);
        partitions.partition(PartitionInterval.MONTH, NOBODY);
        CombinedQuery.Totals before = scene.read(YEAR).raw();
        scene.run("insert into {s}.notes (event_id) values ('e0')"); // cascades
        scene.run("update {s}.event_deliveries set created_at = '2026-03-01Z' where id = 'd0'");
        PartitionExpiryResult expiry =
                partitions.dropExpired(Instant.parse("2026-01-15T00:00:00Z"), new RetentionProgress() {});
        assertThat(expiry.dropped())
                .containsExactly("event_deliveries_p202511", "event_deliveries_p202512", "events_p202512");
        assertThat(expiry.kept()).as("e0 was delivered in March").containsExactly("events_p202511");
        assertThat(expiry.retention().keptEvents()).isEqualTo(1);
        assertThat(scene.figure(clock, YEAR)).isEqualTo(before);
        partitions.unpartition(NOBODY);
        assertThat(scene.figure(clock, YEAR)).isEqualTo(before);
    }

    @Test
    void theStatusSaysHowItIs() {
        assertThat(partitions.status().events())
                .isEqualTo(new PartitionStatus.Table(Optional.empty(), List.of(), Optional.empty()));
        partitions.partition(PartitionInterval.MONTH, NOBODY);
        PartitionStatus.Table events = partitions.status().events();
        assertThat(events.step()).contains(PartitionInterval.MONTH);
        assertThat(events.rebuild()).isEmpty();
        assertThat(events.partitions()).hasSize(9);
        assertThat(events.partitions().get(0).name()).isEqualTo("events_p202511");
        assertThat(events.partitions().get(0).lower()).contains(Instant.parse("2025-11-01T00:00:00Z"));
        assertThat(events.partitions().get(0).upper()).contains(Instant.parse("2025-12-01T00:00:00Z"));
        assertThat(events.partitions().get(0).rows()).isPositive();
        assertThat(events.partitions().get(8).lower()).isEmpty();
    }
}
