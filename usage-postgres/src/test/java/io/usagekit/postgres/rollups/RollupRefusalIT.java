package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Installing refuses tables that roll-ups can't be kept exact for, and says what to do. */
class RollupRefusalIT {

    private RollupFixture fixture;
    private String schema;

    @BeforeEach
    void begin() {
        schema = Database.newSchema("refused");
        fixture = RollupFixture.tables(Database.pool(), schema);
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    private void assertExact() {
        FigureComparison.Pair pair = fixture.read();
        assertThat(pair.rolled()).isEqualTo(pair.raw());
        assertThat(pair.raw().received().volume()).isEqualTo(1);
    }

    private void assertRefused(PostgresRollups rollups, String... words) {
        assertThatThrownBy(rollups::install)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("can't be installed")
                .hasMessageContainingAll(words);
        assertThatThrownBy(rollups::ddl).hasMessageContainingAll(words);
        assertThat(rollups.status()).isEmpty();
    }

    @Test
    void refusesTablesThatACrashEmpties() {
        fixture.run("alter table {s}.event_deliveries set unlogged");
        assertRefused(fixture.rollups, schema + ".event_deliveries is unlogged", "set logged");
        fixture.run(
                "alter table {s}.event_deliveries set logged",
                "create table {s}.parts (like {s}.events) partition by range (created_at)",
                "create unlogged table {s}.part partition of {s}.parts default");
        PostgresRollups ofParts = PostgresRollups.of(
                Database.pool(), fixture.mapping.toBuilder().events("parts").build());
        assertRefused(ofParts, schema + ".part is unlogged");
        fixture.run("alter table {s}.part set logged");
        ofParts.install();
    }

    @Test
    void refusesForeignPartitions() {
        fixture.run(
                "create extension if not exists file_fdw",
                "create server {s} foreign data wrapper file_fdw",
                "create table {s}.parts (like {s}.events) partition by range (created_at)",
                "create foreign table {s}.part partition of {s}.parts default server {s} options (filename '/dev/null')");
        assertRefused(
                PostgresRollups.of(
                        Database.pool(),
                        fixture.mapping.toBuilder().events("parts").build()),
                "the partition " + schema + ".part is a foreign table");
        fixture.run("drop server {s} cascade");
    }

    @Test
    void refusesCollationsThatEquateIdsOnOneSideOnly() {
        fixture.run(
                "create collation {s}.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
                "alter table {s}.event_deliveries alter column event_id type varchar collate {s}.blind");
        assertRefused(
                fixture.rollups,
                "the columns id of " + schema + ".events and event_id of " + schema + ".event_deliveries",
                schema + ".blind",
                "isn't deterministic");
        fixture.run("alter table {s}.events alter column id type varchar collate {s}.blind");
        fixture.rollups.install();
        fixture.run("insert into {s}.events values ('E', 'p', 'x', '', '2026-03-17T09:00:00Z')");
        fixture.run("insert into {s}.event_deliveries values ('d', 'p', 'e', 'Success', '2026-03-17T10:00:00Z')");
        fixture.runWorker();
        assertExact();
        fixture.run("update {s}.events set raw = 'longer'");
        assertExact();
    }

    @Test
    void refusesTablesWhoseRowsPoliciesHideFromTheRole() throws SQLException {
        String role = schema + "_role";
        fixture.run(
                "create role " + role,
                "grant usage, create on schema {s} to " + role,
                "grant select on all tables in schema {s} to " + role,
                "create schema {r}",
                "grant usage, create on schema {r} to " + role,
                "alter table {s}.events owner to " + role,
                "alter table {s}.event_deliveries owner to " + role,
                "alter table {s}.events enable row level security",
                "alter table {s}.events force row level security");
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("set role " + role);
            PostgresRollups rollups = PostgresRollups.of(new OneConnection(connection), fixture.mapping);
            assertThatThrownBy(rollups::install)
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("row-level security hide rows of " + schema + ".events from this role");
            statement.execute("alter table " + schema + ".events no force row level security");
            rollups.install();
            statement.execute("reset role");
        }
        fixture.rollups.remove();
        fixture.run("drop owned by " + role + " cascade", "drop role " + role);
    }
}
