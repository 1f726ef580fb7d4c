package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import io.usagekit.UsageMetrics;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Changes that fired no trigger are found, to the hour, and repaired. */
class RollupVerifyIT {

    private final List<RollupDrift> drifts = new ArrayList<>();
    private final List<String> reports = new ArrayList<>();
    private final VerificationProgress listener = new VerificationProgress() {
        @Override
        public void started(long projects) {
            reports.add(projects + " projects");
        }

        @Override
        public void drifted(RollupDrift drift) {
            drifts.add(drift);
        }

        @Override
        public void verified(String projectId) {
            reports.add(projectId);
        }
    };
    private RollupFixture fixture;

    @BeforeEach
    void begin() {
        fixture = RollupFixture.rolled(Database.pool(), Database.newSchema("verify"));
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    private static RollupDrift drift(
            String hour, long rolledReceived, long rolledSent, UsageMetrics rawReceived, UsageMetrics rawSent) {
        return new RollupDrift(
                "p",
                Instant.parse(hour),
                new UsageMetrics(rolledReceived, 7 * rolledReceived),
                new UsageMetrics(rolledSent, 7 * rolledSent),
                rawReceived,
                rawSent);
    }

    @Test
    void reportsNoDriftForMarkedHours() {
        fixture.run(
                "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T09:30:00Z')",
                "update {s}.events set raw = 'longer than it was' where id = 'e10'",
                "insert into {s}.event_deliveries values ('orphan', 'p', 'later', 'Success', '2026-03-17T11:30:00Z')");
        assertThat(fixture.rollups.verify(listener)).as("marked hours").isZero();
        fixture.runWorker();
        fixture.run("insert into {s}.events values ('later', 'p', 'later', '', '2026-03-17T12:00:00Z')");
        assertThat(fixture.rollups.verify(listener)).as("an orphan's hour").isZero();
        fixture.runWorker();
        assertThat(fixture.rollups.verify(listener)).as("re-rolled").isZero();
        assertThat(drifts).isEmpty();
        assertThat(reports).startsWith("2 projects", "p", "q", "2 projects");
    }

    @Test
    void reportsAndRepairsHoursThatChangedWithoutTriggers() {
        fixture.run(
                "insert into {s}.events values ('old', 'p', 'seven b', '', '2025-12-24T18:00:00Z')",
                "insert into {s}.event_deliveries values ('elsewhere', 'q', 'e10', 'Success', '2026-03-17T11:30:00Z')");
        fixture.runWorker();
        // As if nobody had noticed that the triggers were disabled.
        fixture.run(
                "alter table {s}.events disable trigger all",
                "alter table {s}.event_deliveries disable trigger all",
                "insert into {s}.events values ('new', 'p', '11 bytes...', '', '2026-03-17T09:30:00Z')",
                "delete from {s}.events where id = 'old'",
                "insert into {s}.event_deliveries values ('new', 'p', 'new', 'Success', '2026-01-01T00:00:00Z')",
                "delete from {s}.event_deliveries where id = 'd11'",
                "alter table {s}.events enable trigger all",
                "alter table {s}.event_deliveries enable trigger all");
        enableAlways();
        fixture.run(
                "update {r}.host_table h set catalog_rows = n.catalog_rows from {r}.host_table_now n where n.role = h.role");
        assertThat(fixture.read().rolled()).isNotEqualTo(fixture.read().raw());

        assertThat(fixture.rollups.verify(listener)).isEqualTo(4);
        assertThat(drifts)
                .containsExactly(
                        drift("2025-12-24T18:00:00Z", 1, 0, UsageMetrics.ZERO, UsageMetrics.ZERO),
                        drift("2026-01-01T00:00:00Z", 0, 0, UsageMetrics.ZERO, new UsageMetrics(1, 11)),
                        drift("2026-03-17T09:00:00Z", 1, 1, new UsageMetrics(2, 18), new UsageMetrics(1, 7)),
                        drift("2026-03-17T11:00:00Z", 1, 1, new UsageMetrics(1, 7), UsageMetrics.ZERO));
        assertThat(fixture.read().rolled())
                .as("verifying repairs nothing")
                .isNotEqualTo(fixture.read().raw());

        drifts.clear();
        assertThat(fixture.rollups.repair(listener)).isEqualTo(4);
        assertThat(drifts).hasSize(4);
        assertThat(fixture.read().rolled()).isEqualTo(fixture.read().raw());
        assertThat(fixture.rollups.verify(listener)).isZero();
        fixture.runWorker();
        assertThat(fixture.read().rolled()).isEqualTo(fixture.read().raw());
        assertThat(fixture.read().markedHours()).isZero();
        assertThat(fixture.rollups.verify(listener)).isZero();
    }

    /** Restores the library's triggers, which are enabled ALWAYS; ENABLE TRIGGER alone doesn't. */
    private void enableAlways() {
        for (String table : List.of("events", "event_deliveries")) {
            for (String trigger : Database.column(
                    "select tgname from pg_trigger where tgrelid = to_regclass(?) and not tgisinternal",
                    Identifiers.qualified(fixture.schema, table))) {
                fixture.run("alter table {s}." + table + " enable always trigger " + Identifiers.quote(trigger));
            }
        }
    }

    /** A month of a project is compared in one snapshot: ten thousand of them lie between such a row and the others. */
    @Test
    void skipsAgesWithoutRows() {
        fixture.run(
                "insert into {s}.events values ('norman', 'p', 'seven b', '', '1026-05-01T10:30:00Z')",
                "insert into {s}.events values ('roman', 'q', 'seven b', '', '0044-03-15T10:30:00Z BC')",
                "insert into {s}.event_deliveries values ('norman', 'p', 'norman', 'Success', '1066-10-14T10:30:00Z')");
        fixture.runWorker();
        assertTimeout(
                Duration.ofSeconds(30),
                () -> assertThat(fixture.rollups.verify(listener)).isZero());
        fixture.run("update {r}.rollup set sent_bytes = sent_bytes + 1 where bucket < '1900-01-01T00:00:00Z'");
        assertTimeout(
                Duration.ofSeconds(30),
                () -> assertThat(fixture.rollups.verify(listener)).isEqualTo(3));
        assertThat(drifts)
                .extracting(RollupDrift::hour)
                .containsExactly(
                        Instant.parse("1026-05-01T10:00:00Z"),
                        Instant.parse("1066-10-14T10:00:00Z"),
                        Instant.parse("-0043-03-15T10:00:00Z"));
    }

    @Test
    void reportsTamperedSums() {
        fixture.run("update {r}.rollup set sent_bytes = sent_bytes + 1 where bucket = '2026-03-17T10:00:00Z'");
        assertThat(fixture.rollups.verify(listener)).isEqualTo(1);
        fixture.run("delete from {r}.rollup");
        assertThat(fixture.rollups.repair(listener)).isEqualTo(3);
        fixture.runWorker();
        assertThat(fixture.rollups.verify(listener)).isZero();
    }

    /** No trigger fires: figures are read from raw rows, and rolled hours are wrong until they are repaired. */
    @Test
    void repairsHoursOfDroppedAndAttachedPartitions() {
        fixture.run(
                "create table {s}.parts (like {s}.events) partition by range (created_at)",
                "create table {s}.part_1 partition of {s}.parts for values from ('2026-03-01Z') to ('2026-03-10Z')",
                "create table {s}.part_2 partition of {s}.parts for values from ('2026-03-10Z') to ('2026-04-01Z')",
                "insert into {s}.parts values ('1', 'p', 'seven b', '', '2026-03-05T05:05:00Z'), ('2', 'p', 'seven b', '', '2026-03-15T05:05:00Z')");
        TableMapping mapping = fixture.mapping.toBuilder().events("parts").build();
        PostgresRollups rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .schema(fixture.schema + "_parts")
                .clock(fixture.clock)
                .build();
        rollups.install();
        FigureComparison reads = new FigureComparison(Database.pool(), rollups, mapping);
        try (RollupWorker worker = rollups.worker().build()) {
            worker.runOnce();
            fixture.run("drop table {s}.part_1");
            assertThat(reads.compare(RollupFixture.MARCH).rolled().received()).isEqualTo(new UsageMetrics(1, 7));
            assertThat(reads.compare(RollupFixture.MARCH).raw().received()).isEqualTo(new UsageMetrics(1, 7));
            assertThat(rollups.verify(listener)).isEqualTo(1);
            assertThat(rollups.repair(listener)).isEqualTo(1);
            assertThat(rollups.verify(listener)).isZero();
            assertThat(reads.compare(RollupFixture.MARCH).rolled().received()).isEqualTo(new UsageMetrics(1, 7));
            worker.runOnce();

            fixture.run(
                    "create table {s}.part_1 (like {s}.events)",
                    "insert into {s}.part_1 values ('3', 'p', 'seven b', '', '2026-03-06T05:05:00Z')",
                    "alter table {s}.parts attach partition {s}.part_1 for values from ('2026-03-01Z') to ('2026-03-10Z')");
            assertThat(reads.compare(RollupFixture.MARCH).rolled().received()).isEqualTo(new UsageMetrics(2, 14));
            assertThat(rollups.repair(listener)).isEqualTo(1);
            assertThat(rollups.verify(listener)).isZero();
            assertThat(reads.compare(RollupFixture.MARCH).rolled().received()).isEqualTo(new UsageMetrics(2, 14));
            worker.runOnce();
            fixture.run("insert into {s}.part_1 values ('4', 'p', 'seven b', '', '2026-03-06T06:05:00Z')");
            FigureComparison.Pair pair = reads.compare(RollupFixture.MARCH);
            assertThat(pair.rolled()).as("its rows fire triggers from then on").isEqualTo(pair.raw());
            assertThat(pair.markedHours()).isEqualTo(1);
        }
        rollups.remove();
    }

    @Test
    void preventsChangesToMappedColumns() {
        assertThatThrownBy(() -> fixture.run("alter table {s}.events alter column created_at type timestamptz(3)"))
                .hasMessageContaining("cannot alter type of a column used in a trigger definition");
        assertThatThrownBy(() -> fixture.run("alter table {s}.event_deliveries drop column created_at"))
                .hasMessageContaining("other objects depend on it");
    }

    /** The host's writes succeed. */
    @Test
    void resetsRollupsWhenMappedColumnIsRenamedOrDropped() {
        for (String change : List.of(
                "alter table {s}.event_deliveries rename column status to state",
                "alter table {s}.events drop column deleted_at",
                "alter table {s}.events rename column project_id to project")) {
            fixture.rollups.install();
            fixture.runWorker();
            assertThat(fixture.rollups.status().orElseThrow().coveredBefore()).isPresent();
            fixture.run(change);
            fixture.run(
                    "update {s}.event_deliveries set event_id = 'e10' where id = 'd9'",
                    "update {s}.events set raw = raw || '.' where id = 'e9'",
                    "delete from {s}.events where id = 'e11'");
            assertThat(Database.query("select string_agg(reason, ' ') from "
                            + Identifiers.quote(fixture.rollups.schema()) + ".reset_request"))
                    .as(change)
                    .contains("has no field");
            assertThat(Database.query(fixture.sql(
                            "select {r}.is_intact('{s}.events'::regclass, '{s}.event_deliveries'::regclass)")))
                    .as(change)
                    .isEqualTo("f");
            fixture.close();
            fixture = RollupFixture.rolled(Database.pool(), Database.newSchema("verify"));
        }
    }

    @Test
    void rejectsVerificationWithoutRollups() {
        fixture.rollups.remove();
        assertThatThrownBy(() -> fixture.rollups.verify(listener))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("there are no roll-ups of this version and mapping");
    }
}
