package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.postgres.testing.Database;
import io.usagekit.reports.UsageSeriesGranularity;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Rows that retention has deleted are written into the same tables again, out of an archive or by a restore of rows alone. They don't count
 * twice: there is no figure until they are deleted again, or an operator has said what they are.
 */
class RollupWrittenBackIT {

    private static final String BEFORE = "2026-03-10T10:10:10Z";
    private static final String[] WORDS = {
        "has rows again that retention had deleted", "count twice", "removeWithRetained()", "acceptRetained()"
    };

    private RestoreFixture fixture;
    private PostgresRollups rollups;

    @BeforeEach
    void begin() {
        fixture = RestoreFixture.create(Database.pool());
        rollups = fixture.install(BEFORE);
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    private void writeBack(String table, String from, String to) {
        fixture.run("insert into {s}." + table + " select * from {copy}." + table + " where created_at between '" + from
                + "' and '" + to + "'");
    }

    private void writeBackDay() {
        writeBack("events", "2026-03-05Z", "2026-03-06Z");
        writeBack("event_deliveries", "2026-03-05Z", "2026-03-06Z");
    }

    private void deleteDay() {
        fixture.run(
                "delete from {s}.event_deliveries where created_at between '2026-03-05Z' and '2026-03-06Z'",
                "delete from {s}.events where created_at between '2026-03-05Z' and '2026-03-06Z'");
    }

    private void assertRefusedByAll() {
        fixture.assertRefused(rollups, WORDS);
        assertThatThrownBy(() -> rollups.series(
                        RestoreFixture.MARCH, UsageSeriesGranularity.DAY, ZoneOffset.UTC, RestoreFixture.TIMEOUT))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContainingAll(WORDS);
        assertThatThrownBy(() -> rollups.byProject(RestoreFixture.MARCH, RestoreFixture.TIMEOUT))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContainingAll(WORDS);
        assertThatThrownBy(
                        () -> rollups.calculateAll(RestoreFixture.MARCH.period(), RestoreFixture.TIMEOUT, usage -> {}))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContainingAll(WORDS);
        PostgresRows rows = PostgresRows.builder(Database.pool())
                .mapping(TableMapping.gateway(fixture.schema))
                .rollups(rollups)
                .build();
        assertThatThrownBy(() -> rows.readReceived(RestoreFixture.MARCH, row -> {}))
                .hasMessageContainingAll(WORDS);
        assertThatThrownBy(() -> rows.readSent(RestoreFixture.MARCH, row -> {})).hasMessageContainingAll(WORDS);
    }

    private void assertNotRolled() {
        assertThatThrownBy(() -> fixture.roll(rollups))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("can't be rolled")
                .hasMessageContainingAll(WORDS);
        assertRefusedByAll();
    }

    private void assertNotRetainedAgain() {
        assertThatThrownBy(() -> rollups.deleteBefore(Instant.parse(BEFORE), new RetentionProgress() {}))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll(WORDS);
        assertRefusedByAll();
    }

    @Test
    void refusesFiguresUntilTheRowsAreDeletedAgain() {
        writeBackDay();
        assertRefusedByAll();
        assertNotRolled();
        assertNotRetainedAgain();
        deleteDay();
        fixture.assertExact(rollups, "rolled");
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
    }

    @Test
    void refusesFiguresWhereOnlyDeliveriesAreBack() {
        writeBack("event_deliveries", "2026-03-05T00:00:00Z", "2026-03-05T06:00:00Z");
        assertRefusedByAll();
        assertNotRolled();
        assertNotRetainedAgain();
        deleteDay();
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
    }

    @Tag("thorough")
    @Test
    void refusesFiguresWhereOnlyEventsAreBack() {
        writeBack("events", "2026-03-05T00:00:00Z", "2026-03-05T06:00:00Z");
        assertRefusedByAll();
        assertNotRolled();
        assertNotRetainedAgain();
        deleteDay();
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
    }

    /** As {@code pg_restore --data-only} of a dump from before the retention does. */
    @Tag("thorough")
    @Test
    void refusesFiguresOfTablesThatWereEmptiedAndRestored() {
        fixture.run(
                "truncate {s}.events, {s}.event_deliveries",
                "insert into {s}.events table {copy}.events",
                "insert into {s}.event_deliveries table {copy}.event_deliveries");
        assertRefusedByAll();
        assertNotRolled();
        assertNotRetainedAgain();
        rollups.install();
        assertNotRolled();
        rollups.removeWithRetained();
        rollups.install();
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
    }

    /** The worker has rolled the empty tables in between. */
    @Test
    void refusesFiguresOfTablesThatWereRestoredAfterTheyHadBeenRolledEmpty() {
        fixture.run("truncate {s}.events, {s}.event_deliveries");
        fixture.roll(rollups);
        fixture.run(
                "insert into {s}.events table {copy}.events",
                "insert into {s}.event_deliveries table {copy}.event_deliveries");
        assertRefusedByAll();
        assertNotRolled();
        deleteDay();
        assertNotRolled();
    }

    @Tag("thorough")
    @Test
    void countsTablesThatWereEmptiedAndRestoredFromADumpAfterRetention() {
        fixture.run(
                "create table {copy}.kept_events as table {s}.events",
                "create table {copy}.kept_deliveries as table {s}.event_deliveries",
                "truncate {s}.events, {s}.event_deliveries",
                "insert into {s}.events table {copy}.kept_events",
                "insert into {s}.event_deliveries table {copy}.kept_deliveries");
        fixture.assertExact(rollups, "NOT_COVERING");
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
    }

    /** The changes leave no mark. */
    @Tag("thorough")
    @Test
    void refusesFiguresWhereTriggersWereDisabledMeanwhile() {
        fixture.run(
                "alter table {s}.events disable trigger user", "alter table {s}.event_deliveries disable trigger user");
        writeBackDay();
        assertRefusedByAll();
        rollups.install();
        assertNotRolled();
    }

    /** Other rows of a host that uses ids again. */
    @Test
    void countsRowsOnceTheyAreAccepted() {
        writeBack("events", "2026-03-05Z", "2026-03-06Z");
        fixture.run(
                "insert into {copy}.events select 'again ' || id, project_id, raw, data, created_at, deleted_at from {copy}.events"
                        + " where created_at between '2026-03-05Z' and '2026-03-06Z'");
        assertRefusedByAll();
        rollups.acceptRetained();
        fixture.assertExact(rollups, "NOT_COVERING");
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
        writeBack("events", "2026-03-07T00:00:00Z", "2026-03-07T03:00:00Z");
        assertRefusedByAll();
    }

    /** Retention reaches some deliveries of an event before others, some of which are failures, or younger. */
    @Tag("thorough")
    @Test
    void countsDeliveriesThatRetentionHasLeftOfAnEvent() throws SQLException {
        fixture.write(
                fixture.schema,
                "insert into {s}.event_deliveries select 'more' || n || id, project_id, event_id, case n when 1 then 'Failure' else"
                        + " 'Success' end, created_at + n * interval '1 minute' from {s}.event_deliveries, generate_series(1, 3) n"
                        + " where created_at between '2026-03-10T10:10:10Z' and '2026-03-12T12:00:00Z'");
        fixture.roll(rollups);
        RetentionProgress comparing = new RetentionProgress() {
            @Override
            public void deleted(long deliveries, long events) {
                fixture.assertExact(rollups, "rolled");
            }
        };
        new RetentionDeleter(Database.pool(), sql(), Set.of(), comparing, RollupFixture.batchesOf(1))
                .deleteBefore(Instant.parse("2026-03-12T11:20:30Z"));
        fixture.write(
                fixture.schema,
                "update {s}.event_deliveries set status = 'Success' where status = 'Failure' and created_at > '2026-03-12T11:00Z'");
        fixture.assertExact(rollups, "rolled");
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
    }

    private RollupSql sql() throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            return RollupSql.over(TableShape.read(connection, TableMapping.gateway(fixture.schema)), rollups.schema());
        }
    }

    /** Retained sums are those of a mapping. */
    @Test
    void acceptsOnlyWithTheMappingThatTheyAreOf() {
        PostgresRollups other = fixture.rollups(
                TableMapping.gateway(fixture.schema).toBuilder()
                        .deliveredStatuses("Sent")
                        .build(),
                rollups.schema());
        assertThatThrownBy(other::acceptRetained)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll("of other tables, columns or statuses", "acceptRetained() with the mapping");
        rollups.acceptRetained();
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
    }
}
