package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.testing.Database;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Tables, or roll-ups, or both are restored from dumps of another time: each figure is what the tables hold and retention has kept, or
 * there is none but an error that says why.
 */
class RollupRestoreIT {

    private static final String BEFORE = "2026-03-10T10:10:10Z";

    private RestoreFixture fixture;

    @BeforeEach
    void begin() {
        fixture = RestoreFixture.create(Database.pool());
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    private SchemaDump dumpOfTables() {
        return SchemaDump.of(fixture.schema, fixture.schema + "_dump");
    }

    private SchemaDump dumpOfRollUps() {
        return SchemaDump.of(fixture.schema + "_rollups", fixture.schema + "_dump_rollups");
    }

    private SchemaDump dumpOfCopy() {
        return SchemaDump.of(fixture.schema + "_copy", fixture.schema + "_dump_copy");
    }

    private void assertRolledFromScratch(PostgresRollups rollups) {
        fixture.assertExact(rollups, "ALTERED");
        fixture.write(
                fixture.schema, "insert into {s}.events values ('early', 'q', '123456', '', '2026-03-13T09:40:00Z')");
        fixture.assertExact(rollups, "ALTERED");
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
        fixture.write(
                fixture.schema,
                "insert into {s}.events values ('later', 'q', '12345', '', '2026-03-15T09:40:00Z')",
                "delete from {s}.event_deliveries where id = 'd6'");
        fixture.assertRolled(rollups);
        rollups.install();
        fixture.assertRolled(rollups);
    }

    @Test
    void followsTablesThatWereRestored() {
        PostgresRollups rollups = fixture.install("");
        SchemaDump dump = dumpOfTables();
        SchemaDump copy = dumpOfCopy();
        fixture.writeLate(fixture.schema);
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
        dump.restore();
        copy.restore();
        assertRolledFromScratch(rollups);
    }

    @Tag("thorough")
    @Test
    void followsTablesThatWereRestoredFromADumpAfterRetention() {
        PostgresRollups rollups = fixture.install(BEFORE);
        SchemaDump dump = dumpOfTables();
        SchemaDump copy = dumpOfCopy();
        fixture.writeLate(fixture.schema);
        dump.restore();
        copy.restore();
        assertRolledFromScratch(rollups);
    }

    @Test
    void refusesFiguresWhereARestoreBringsBackWhatRetentionDeleted() {
        PostgresRollups rollups = fixture.install("2026-03-05T10:10:10Z");
        SchemaDump dump = dumpOfTables();
        SchemaDump dumpedRollUps = dumpOfRollUps();
        rollups.deleteBefore(Instant.parse(BEFORE), new RetentionProgress() {});
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
        dump.restore();
        String[] words = {"is another table", "would count twice", "acceptRetained()", "removeWithRetained()"};
        fixture.assertRefused(rollups, words);
        assertSumsAreRefused(rollups, words);
        assertThatThrownBy(() -> fixture.roll(rollups))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll(words);
        assertThatThrownBy(rollups::install)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll(words);
        assertThatThrownBy(() -> rollups.deleteBefore(Instant.parse(BEFORE), new RetentionProgress() {}))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll(words);
        fixture.assertRefused(rollups, words);

        dumpedRollUps.restore();
        fixture.assertRefused(rollups, "was restored", "acceptRetained()");
        rollups.acceptRetained();
        assertRolledFromScratch(rollups);
    }

    private void assertSumsAreRefused(PostgresRollups rollups, String... words) {
        assertThatThrownBy(() -> rollups.byProject(RestoreFixture.MARCH, RestoreFixture.TIMEOUT))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContainingAll(words);
        assertThatThrownBy(() -> rollups.calculateAll(RestoreFixture.MARCH.period(), RestoreFixture.TIMEOUT, usage -> {
                    throw new AssertionError(usage.toString());
                }))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContainingAll(words);
    }

    /** The dump is older than all retention. */
    @Tag("thorough")
    @Test
    void countsAllRowsThatWereRestoredOnceRetainedSumsAreRemoved() {
        PostgresRollups rollups = fixture.install("");
        SchemaDump dump = dumpOfTables();
        rollups.deleteBefore(Instant.parse(BEFORE), new RetentionProgress() {});
        fixture.roll(rollups);
        dump.restore();
        fixture.assertRefused(rollups, "would count twice");
        rollups.removeWithRetained();
        rollups.install();
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
    }

    @Tag("thorough")
    @Test
    void followsOneTableThatWasRestored() {
        PostgresRollups rollups = fixture.install("");
        SchemaDump dump = dumpOfTables();
        SchemaDump copy = dumpOfCopy();
        fixture.writeLate(fixture.schema);
        fixture.roll(rollups);
        dump.restore(List.of("events"));
        copy.restore(List.of("events"));
        assertRolledFromScratch(rollups);
    }

    @Tag("thorough")
    @Test
    void refusesFiguresWhereOneTableBringsBackWhatRetentionDeleted() {
        PostgresRollups rollups = fixture.install("");
        SchemaDump dump = dumpOfTables();
        rollups.deleteBefore(Instant.parse(BEFORE), new RetentionProgress() {});
        dump.restore(List.of("event_deliveries"));
        fixture.assertRefused(rollups, "would count twice");
    }

    /** A restore fills a table after it has created it; the worker and an installation may run in between. */
    @Tag("thorough")
    @Test
    void refusesFiguresOfEmptyTablesInTheMiddleOfARestore() {
        PostgresRollups rollups = fixture.install(BEFORE);
        fixture.run(
                "create table {copy}.kept as table {s}.events",
                "drop table {s}.events",
                "create table {s}.events (like {copy}.events)");
        fixture.assertRefused(rollups, "empty, as in the middle of a restore");
        assertThatThrownBy(() -> fixture.roll(rollups)).hasMessageContaining("in the middle of a restore");
        assertThatThrownBy(rollups::install).hasMessageContaining("in the middle of a restore");
        fixture.run("insert into {s}.events table {copy}.kept");
        fixture.assertExact(rollups, "ALTERED");
        rollups.install();
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
    }

    @Tag("thorough")
    @Test
    void rollsFromScratchWhereTheRollUpsWereRestoredFromAnOlderDump() {
        PostgresRollups rollups = fixture.install("");
        SchemaDump dump = dumpOfRollUps();
        fixture.writeLate(fixture.schema);
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
        dump.restore();
        assertThat(rollups.status().orElseThrow().alterations())
                .contains("the tables of these roll-ups were created again, as by a restore");
        assertRolledFromScratch(rollups);
    }

    @Test
    void refusesFiguresWhereRollUpsWereRestoredAndTheirRetainedSumsMayBeOld() {
        PostgresRollups rollups = fixture.install(BEFORE);
        SchemaDump dump = dumpOfRollUps();
        fixture.writeLate(fixture.schema);
        fixture.roll(rollups);
        dump.restore();
        fixture.assertRefused(rollups, "was restored", "lack what retention has deleted since", "acceptRetained()");
        assertSumsAreRefused(rollups, "was restored");
        assertThatThrownBy(() -> fixture.roll(rollups)).hasMessageContaining("was restored");
        assertThatThrownBy(rollups::install).hasMessageContaining("was restored");
        rollups.acceptRetained();
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
        fixture.writeLater();
        fixture.assertRolled(rollups);
    }

    /** The structure of both schemas without their rows. */
    @Tag("thorough")
    @Test
    void startsFromScratchWhereOnlyStructureWasRestored() {
        PostgresRollups rollups = fixture.install("");
        SchemaDump rows = dumpOfTables();
        for (String table : List.of("state", "host_table", "partition", "project", "rollup", "mark", "orphan")) {
            fixture.run("truncate {r}." + table);
        }
        fixture.run("alter sequence {r}.mark_before restart");
        rows.restore();
        fixture.assertExact(rollups, "FOREIGN");
        fixture.writeLate(fixture.schema);
        fixture.assertExact(rollups, "FOREIGN");
        rollups.install();
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
        fixture.writeLater();
        fixture.assertRolled(rollups);
    }
}
