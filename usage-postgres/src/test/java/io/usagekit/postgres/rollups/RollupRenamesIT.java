package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import java.time.Instant;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Schemas are renamed and tables moved to others, also after retention: no figure is less than it was without a word, writes of the host
 * succeed, and an installation takes over what the roll-ups retained, and removes their triggers.
 */
class RollupRenamesIT {

    private static final String BEFORE = "2026-03-10T10:10:10Z";

    private RestoreFixture fixture;
    private String renamed;

    @BeforeEach
    void begin() {
        fixture = RestoreFixture.create(Database.pool());
        renamed = fixture.schema + "_new";
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    private String alter(String statement) {
        return statement.replace("{new}", renamed);
    }

    private PostgresRollups now() {
        return fixture.rollups(renamed, renamed + "_rollups");
    }

    /** Installs the roll-ups of the tables' new names, and checks that they take the place of the old ones. */
    private void assertTakenOver(PostgresRollups now) {
        now.install();
        assertThat(fixture.triggers(renamed)).hasSize(4);
        assertThat(Database.column("select 1 from pg_namespace where nspname = ?", fixture.schema + "_rollups"))
                .isEmpty();
        fixture.assertExact(now, "NOT_COVERING");
        fixture.roll(now);
        fixture.assertRolled(now);
        fixture.write(
                renamed,
                "insert into {s}.events values ('later', 'q', '12345', '', '2026-03-15T09:40:00Z')",
                "delete from {s}.event_deliveries where id = 'd6'");
        fixture.assertRolled(now);
        now.install();
        fixture.assertRolled(now);
    }

    @Test
    void refusesFiguresOfARenamedSchemaUntilRetainedSumsAreTakenOver() {
        fixture.install(BEFORE);
        fixture.run(alter("alter schema {s} rename to {new}"));
        PostgresRollups now = now();
        fixture.assertRefused(now, fixture.schema + "_rollups", renamed + "_rollups", "call install()");
        fixture.writeLate(renamed);
        fixture.assertRefused(now, "call install()");
        assertTakenOver(now);
    }

    @Tag("thorough")
    @Test
    void refusesFiguresOfMovedTablesUntilRetainedSumsAreTakenOver() {
        fixture.install(BEFORE);
        fixture.run(
                alter("create schema {new}"),
                alter("alter table {s}.projects set schema {new}"),
                alter("alter table {s}.events set schema {new}"),
                alter("alter table {s}.event_deliveries set schema {new}"));
        PostgresRollups now = now();
        fixture.assertRefused(now, "call install()");
        fixture.writeLate(renamed);
        assertTakenOver(now);
    }

    /** Nothing is lacking where retention hasn't run. */
    @Test
    void readsRawRowsOfARenamedSchemaWithoutRetainedSums() {
        fixture.install("");
        fixture.run(alter("alter schema {s} rename to {new}"));
        PostgresRollups now = now();
        fixture.assertExact(now, "ABSENT");
        fixture.writeLate(renamed);
        fixture.assertExact(now, "ABSENT");
        assertTakenOver(now);
    }

    /** An older release installed beside the roll-ups of the old name, and its retention ran as well. */
    @Tag("thorough")
    @Test
    void addsRetainedSumsOfBothInstallations() {
        fixture.install("2026-03-05T10:10:10Z");
        fixture.run(alter("alter schema {s} rename to {new}"));
        PostgresRollups now = now();
        fixture.run(
                alter("create schema {new}_rollups"),
                alter("create table {new}_rollups.kept (like {r}.retained including all)"));
        fixture.run(
                alter("insert into {new}_rollups.kept select * from {r}.retained where project_id = 'q'"),
                "delete from {r}.retained where project_id = 'q'",
                alter("alter table {new}_rollups.kept rename to retained"));
        fixture.assertRefused(now, "hold sums of rows");
        assertTakenOver(now);
        now.deleteBefore(Instant.parse(BEFORE), new RetentionProgress() {});
        fixture.roll(now);
        fixture.assertRolled(now);
    }

    /** The functions of the triggers name their schema. */
    @Tag("thorough")
    @Test
    void letsTheHostWriteWhereTheRollUpsOwnSchemaWasRenamed() {
        fixture.install(BEFORE);
        fixture.run(alter("alter schema {r} rename to {new}_rollups"));
        PostgresRollups now = fixture.rollups(fixture.schema, renamed + "_rollups");
        fixture.assertExact(now, "FOREIGN");
        fixture.writeLate(fixture.schema);
        fixture.assertExact(now, "FOREIGN");
        assertThatThrownBy(() -> fixture.roll(now))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("call install() again");
        fixture.assertRefused(fixture.rollups(), renamed + "_rollups", "hold sums of rows", "call install()");
        now.install();
        fixture.roll(now);
        fixture.assertRolled(now);
    }

    /** Both names back as they were: what changed meanwhile was not marked. */
    @Tag("thorough")
    @Test
    void isExactAfterTheRollUpsOwnSchemaWasRenamedAndRenamedBack() {
        PostgresRollups rollups = fixture.install(BEFORE);
        fixture.run(alter("alter schema {r} rename to {new}_rollups"));
        fixture.writeLate(fixture.schema);
        fixture.run(alter("alter schema {new}_rollups rename to {r}"));
        fixture.assertExact(rollups, "ALTERED");
        fixture.roll(rollups);
        fixture.assertRolled(rollups);
    }

    @Tag("thorough")
    @Test
    void followsTablesAndRollUpsThatAreRenamedTogether() {
        fixture.install(BEFORE);
        fixture.run(alter("alter schema {s} rename to {new}"), alter("alter schema {r} rename to {new}_rollups"));
        PostgresRollups now = now();
        fixture.assertExact(now, "FOREIGN");
        fixture.writeLate(renamed);
        fixture.assertExact(now, "FOREIGN");
        assertTakenOver(now);
    }

    @Test
    void leavesRollUpsOfAnotherMappingAlone() {
        PostgresRollups rollups = fixture.install("");
        PostgresRollups other = fixture.rollups(
                TableMapping.gateway(fixture.schema).toBuilder()
                        .deliveredStatuses("Success", "Delivered")
                        .build(),
                fixture.schema + "_others");
        other.install();
        fixture.roll(other);
        fixture.assertRolled(rollups);
        rollups.install();
        other.install();
        assertThat(rollups.status().orElseThrow().coveredBefore()).isPresent();
        assertThat(other.status().orElseThrow().coveredBefore()).isPresent();
        assertThat(fixture.triggers(fixture.schema)).hasSize(8);
        fixture.writeLate(fixture.schema);
        fixture.assertRolled(rollups);
        fixture.assertRolled(other);
    }
}
