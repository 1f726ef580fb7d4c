package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageMetrics;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Roll-ups that hold sums of rows deleted by retention: removed, replaced, beside others, or read by a role that can't read them. */
class RetainedSumsIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final Instant TEN = Instant.parse("2026-03-17T10:00:00Z");
    private static final RetentionProgress NO_PROGRESS = new RetentionProgress() {};

    private RollupFixture fixture;

    @BeforeEach
    void begin() {
        fixture = RollupFixture.ofLastMonth(Database.pool(), Database.newSchema("retained"));
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    private RetentionResult deleteBeforeTen() {
        return fixture.rollups.deleteBefore(TEN, NO_PROGRESS);
    }

    @Test
    void rejectsRemovalWhileSumsAreRetained() {
        deleteBeforeTen();
        assertThatThrownBy(fixture.rollups::remove)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("can't be removed: they hold sums of rows that were deleted by retention");
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
        fixture.rollups.removeWithRetained();
        assertThat(fixture.figure().received()).isEqualTo(new UsageMetrics(2, 14));
        fixture.rollups.remove();
    }

    /** The usual migration without a lock: another column takes the name. */
    @Test
    void installsOverEventIdsThatWereReplacedByOthersOfAnotherType() {
        deleteBeforeTen();
        fixture.run(
                "alter table {s}.events rename id to old_id",
                "alter table {s}.events add id uuid default md5(random()::text)::uuid",
                "alter table {s}.event_deliveries rename event_id to old_event_id",
                "alter table {s}.event_deliveries add event_id uuid",
                "update {s}.event_deliveries d set event_id = e.id from {s}.events e where e.old_id = d.old_event_id");
        fixture.rollups.install();
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
        fixture.runWorker();
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
        assertThat(fixture.rollups
                        .deleteBefore(TEN.plus(Duration.ofHours(1)), NO_PROGRESS)
                        .events())
                .isEqualTo(1);
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
    }

    @Test
    void removesRollupsWhoseRetentionWasRolledBack() {
        fixture.run(
                "create table {s}.lines (delivery_id varchar references {s}.event_deliveries)",
                "insert into {s}.lines values ('d9')");
        assertThatThrownBy(this::deleteBeforeTen).isInstanceOf(UsageStorageException.class);
        fixture.assertRows(3, 3);
        fixture.rollups.remove();
        fixture.rollups.install();
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
    }

    private PostgresRollups beside() {
        return PostgresRollups.builder(Database.pool())
                .mapping(fixture.mapping.toBuilder()
                        .deliveredStatuses("Success", "Sent")
                        .build())
                .schema(fixture.schema + "_beside")
                .clock(fixture.clock)
                .build();
    }

    /** They would keep no sums of the rows. */
    @Test
    void refusesToDeleteRowsThatOtherRollupsCount() {
        PostgresRollups beside = beside();
        beside.install();
        assertThatThrownBy(this::deleteBeforeTen)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll("\"" + beside.schema() + "\"", "whose figures would fall", "remove()");
        fixture.assertRows(3, 3);
        assertThat(beside.calculator().calculate(RollupFixture.MARCH, TIMEOUT).received())
                .isEqualTo(RollupFixture.THREE.received());
        beside.remove();
        assertThat(deleteBeforeTen().events()).isEqualTo(1);
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
    }

    @Test
    void refusesToInstallRollupsThatWouldLackTheSumsOfOthers() {
        deleteBeforeTen();
        PostgresRollups beside = beside();
        assertThatThrownBy(beside::install)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContainingAll(
                        "\"" + beside.schema() + "\" can't be installed",
                        "\"" + fixture.rollups.schema() + "\"",
                        "figures of these would lack them");
        assertThatThrownBy(() -> beside.calculator().calculate(RollupFixture.MARCH, TIMEOUT))
                .hasMessageContaining("triggers of roll-ups in the schema \"" + fixture.rollups.schema() + "\"");
        fixture.rollups.install();
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
    }

    @Test
    void keepsRetainedSumsWhenRollupsAreReplaced() {
        deleteBeforeTen();
        PostgresRollups other = PostgresRollups.builder(Database.pool())
                .mapping(fixture.mapping.toBuilder()
                        .deliveredStatuses("Success", "Delivered")
                        .build())
                .clock(fixture.clock)
                .build();
        assertThat(other.calculator().calculate(RollupFixture.MARCH, TIMEOUT).sent())
                .as("these roll-ups are for another mapping")
                .isEqualTo(RollupFixture.THREE.sent());
        assertThatThrownBy(() -> other.deleteBefore(TEN, NO_PROGRESS))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("there are no roll-ups of this version and mapping");
        other.install();
        assertThat(other.calculator().calculate(RollupFixture.MARCH, TIMEOUT).received())
                .isEqualTo(RollupFixture.THREE.received());
        try (RollupWorker worker = other.worker().build()) {
            worker.runOnce();
        }
        assertThat(other.calculator().calculate(RollupFixture.MARCH, TIMEOUT).sent())
                .isEqualTo(RollupFixture.THREE.sent());
        fixture.run("update {r}.state set version = 0");
        fixture.rollups.install();
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
    }

    @Test
    void keepsRetainedSumsWhenTheTypeOfProjectIdsHasChanged() {
        deleteBeforeTen();
        String type = "select format_type(atttypid, atttypmod) from pg_attribute"
                + " where attrelid = ?::regclass and attname = 'project_id'";
        String retained = fixture.sql("{r}.retained");
        assertThat(Database.query(type, retained)).isEqualTo("character varying");
        fixture.run("alter table {r}.retained alter project_id type text", "update {r}.state set version = 0");

        fixture.rollups.install();

        assertThat(Database.query(type, retained)).isEqualTo("character varying");
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
    }

    @Test
    void rejectsFigureForRoleThatCanNotReadRetainedSums() throws SQLException {
        deleteBeforeTen();
        fixture.run(
                "create role usagekit_blind",
                "grant usage on schema {s} to usagekit_blind",
                "grant select on all tables in schema {s} to usagekit_blind");
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            UsageCalculator calculator = PostgresRollups.builder(new OneConnection(connection))
                    .mapping(fixture.mapping)
                    .build()
                    .calculator();
            statement.execute("set role usagekit_blind");
            assertThatThrownBy(() -> calculator.calculate(RollupFixture.MARCH, TIMEOUT))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("hold sums of rows that were deleted by retention")
                    .hasMessageContaining("this role");
            statement.execute("reset role");
        }
        fixture.run("drop owned by usagekit_blind", "drop role usagekit_blind");
    }
}
