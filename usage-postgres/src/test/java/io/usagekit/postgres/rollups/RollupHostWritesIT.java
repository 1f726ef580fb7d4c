package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OwnDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The host's writes succeed whatever is stored, and whatever was done to the tables, types and roll-ups that triggers refer to; figures
 * stay those of the raw rows.
 */
class RollupHostWritesIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    /** March as far as it is over. */
    private static final UsageKey ROLLED = new UsageKey(
            "org-123",
            UsagePeriod.between(Instant.parse("2026-03-01T00:00:00Z"), Instant.parse("2026-03-17T12:00:00Z")));

    private final List<String> notifications = new ArrayList<>();
    private RollupFixture fixture;
    private String role;
    private PostgresRollups rollups;

    @BeforeEach
    void begin() {
        fixture = RollupFixture.tables(Database.pool(), Database.newSchema("written"));
        rollups = fixture.rollups;
        role = Identifiers.quote(fixture.schema + "_writer");
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    /** Installs roll-ups of the tables with a delivered event in each of three hours, and rolls them. */
    private void install(TableMapping mapping) {
        rollups = fixture.rollups(mapping, FigureWays.to(notifications));
        rollups.install();
        fixture.run(
                "insert into {s}.events (id, project_id, raw, created_at) select 'e' || h, 'p', 'seven b',"
                        + " timestamptz '2026-03-17Z' + h * interval '1 hour' from generate_series(9, 11) h",
                "insert into {s}.event_deliveries select 'd' || h, 'p', 'e' || h, 'Success',"
                        + " timestamptz '2026-03-17Z' + h * interval '1 hour' from generate_series(9, 11) h");
        roll();
        assertThat(received()).isEqualTo(new UsageMetrics(3, 21));
        assertThat(notifications).containsExactly("rolled");
        notifications.clear();
    }

    private void roll() {
        assertThat(RollupFixture.runWorker(rollups).finished()).isTrue();
    }

    private UsageMetrics received() {
        return rollups.calculator().calculate(ROLLED, TIMEOUT).received();
    }

    private UsageMetrics sent() {
        return rollups.calculator().calculate(ROLLED, TIMEOUT).sent();
    }

    /** A new session, whose triggers have no plan yet. */
    private void runInNewSession(String... statements) throws SQLException {
        try (HikariDataSource pool = Database.newPool(1);
                Connection connection = pool.getConnection()) {
            for (String statement : statements) {
                fixture.run(connection, statement);
            }
        }
    }

    private void assertReadFromRawRows(String... words) {
        assertThat(notifications).containsExactly("ALTERED");
        notifications.clear();
        assertThat(rollups.status().orElseThrow().alterations())
                .anySatisfy(alteration -> assertThat(alteration).contains(words));
    }

    private void assertRolledAgain(UsageMetrics received, UsageMetrics sent) {
        roll();
        notifications.clear();
        assertThat(received()).isEqualTo(received);
        assertThat(sent()).isEqualTo(sent);
        assertThat(notifications).containsExactly("rolled", "rolled");
        assertThat(rollups.status().orElseThrow().alterations()).isEmpty();
    }

    @Test
    void succeedWhenTheLabelOfAStatusWasRenamed() throws SQLException {
        fixture.run(
                "create type {s}.status as enum ('Success', 'Failure')",
                "alter table {s}.event_deliveries alter column status type {s}.status using status::{s}.status");
        install(fixture.mapping);
        fixture.run("alter type {s}.status rename value 'Success' to 'Succeeded'");
        runInNewSession(
                "insert into {s}.event_deliveries values ('late', 'p', 'e9', 'Succeeded', '2026-03-17T09:30:00Z')");
        fixture.run("alter type {s}.status rename value 'Succeeded' to 'Success'");
        assertThat(sent()).isEqualTo(new UsageMetrics(4, 28));
        assertReadFromRawRows("invalid input value for enum", "22P02");
        assertRolledAgain(new UsageMetrics(3, 21), new UsageMetrics(4, 28));
    }

    @Test
    void countByTheirStatusWhenTwoLabelsWereSwapped() throws SQLException {
        fixture.run(
                "create type {s}.status as enum ('Success', 'Failure')",
                "alter table {s}.event_deliveries alter column status type {s}.status using status::{s}.status");
        install(fixture.mapping);
        fixture.run(
                "insert into {s}.event_deliveries values ('failed', 'p', 'e9', 'Failure', '2026-03-17T12:30:00Z')",
                "update {s}.event_deliveries set created_at = '2026-03-17T09:30:00Z' where id = 'failed'");
        roll();
        fixture.run(
                "alter type {s}.status rename value 'Success' to 'Other'",
                "alter type {s}.status rename value 'Failure' to 'Success'",
                "alter type {s}.status rename value 'Other' to 'Failure'");
        assertThat(sent()).isEqualTo(new UsageMetrics(1, 7));
        assertReadFromRawRows("altered back");
        assertRolledAgain(new UsageMetrics(3, 21), new UsageMetrics(1, 7));
    }

    /** The sessions find the operators of the type under both names, the trigger functions only under that of the installation. */
    @Test
    void countByTheirStatusWhenTheSchemaOfItsTypeWasRenamed() throws SQLException {
        RollupFixture shared = fixture;
        try (OwnDatabase own = OwnDatabase.create("operators");
                RollupFixture other = RollupFixture.tables(own.pool(), Database.newSchema("operators"))) {
            fixture = other;
            own.execute(
                    "create schema types",
                    "create extension citext schema types",
                    "do $$ begin execute format('alter database %I set search_path to public, types, renamed', current_database()); end $$");
            own.pool().getHikariPoolMXBean().softEvictConnections();
            fixture.run("alter table {s}.event_deliveries alter column status type types.citext");
            install(fixture.mapping);
            own.execute("alter schema types rename to renamed");
            own.pool().getHikariPoolMXBean().softEvictConnections();
            fixture.run(
                    "insert into {s}.event_deliveries values ('late', 'p', 'e9', 'success', '2026-03-17T09:30:00Z')");
            assertThat(sent()).isEqualTo(new UsageMetrics(4, 28));
            // Before PostgreSQL 16 the reason is its own error that the type of the operator is missing.
            assertReadFromRawRows("a trigger failed to record, the last one: INSERT of", "event_deliveries");
            assertThatThrownBy(this::roll).hasMessageContaining("call install() again");
            assertThat(sent()).isEqualTo(new UsageMetrics(4, 28));
            rollups.install();
            assertRolledAgain(new UsageMetrics(3, 21), new UsageMetrics(4, 28));
            fixture.run(
                    "insert into {s}.event_deliveries values ('later', 'p', 'e9', 'success', '2026-03-17T09:30:00Z')");
            notifications.clear();
            assertThat(sent()).isEqualTo(new UsageMetrics(5, 35));
            assertThat(notifications).containsExactly("rolled");
        } finally {
            fixture = shared;
        }
    }

    @Test
    void succeedWhenProjectIdsWereGivenAnotherType() throws SQLException {
        install(fixture.mapping);
        String uuid = "type uuid using md5(%s)::uuid";
        fixture.run(
                "alter table {s}.projects alter column id " + uuid.formatted("id"),
                "alter table {s}.events alter column project_id " + uuid.formatted("project_id"),
                "alter table {s}.event_deliveries alter column project_id " + uuid.formatted("project_id"));
        runInNewSession(
                "insert into {s}.events values ('late', md5('p')::uuid, 'late', '', '2026-03-17T09:40:00Z')",
                "update {s}.event_deliveries set status = 'Failure' where id = 'd9'",
                "delete from {s}.events where id = 'e10'");
        assertThat(received()).isEqualTo(new UsageMetrics(3, 18));
        assertReadFromRawRows("column project_id uuid");
        assertThat(rollups.calculator().calculateAll(List.of(ROLLED), TIMEOUT).figures())
                .hasEntrySatisfying(
                        ROLLED, figure -> assertThat(figure.received()).isEqualTo(new UsageMetrics(3, 18)));
        rollups.install();
        assertRolledAgain(new UsageMetrics(3, 18), new UsageMetrics(2, 7));
    }

    @ParameterizedTest
    @ValueSource(strings = {"1e25", "'NaN'", "-1"})
    void succeedWithSizesThatAreNone(String size) throws SQLException {
        fixture.run("alter table {s}.events add column size numeric not null default 7");
        install(fixture.mapping.toBuilder().storedBytes("size").build());
        fixture.run(
                "insert into {s}.events (id, project_id, created_at, size) values ('late', 'p', '2026-03-17T09:40:00Z', "
                        + size + "), ('recent', 'p', '2026-03-17T12:40:00Z', " + size + ")",
                "update {s}.events set size = " + size + " where id = 'e10'",
                "update {s}.events set size = 8 where id = 'recent'",
                "update {s}.events set size = " + size + " where id = 'recent'",
                "delete from {s}.events where id = 'recent'");
        for (int time = 0; time < 2; time++) {
            assertThatThrownBy(this::received)
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("rows of \"org-123\"")
                    .hasMessageContaining("a stored size is negative, not a number, or beyond bigint");
            roll();
        }
        fixture.run("update {s}.events set size = 5 where size not between 0 and 7");
        assertThat(received()).isEqualTo(new UsageMetrics(4, 24));
        assertThat(sent()).isEqualTo(new UsageMetrics(3, 19));
        assertThat(notifications).containsExactly("rolled", "rolled");
    }

    /** The numbers are 1.2 GB as text. */
    @Test
    void succeedWithJsonWhoseTextIsTooLong() {
        fixture.run("alter table {s}.events add column document jsonb");
        install(fixture.mapping.toBuilder().payload("raw", "document").build());
        fixture.run(
                "insert into {s}.events (id, project_id, document, created_at) values ('long', 'p', ('[1' || repeat(',1e131000', 9000)"
                        + " || ']')::jsonb, '2026-03-17T12:40:00Z')",
                "update {s}.events set deleted_at = '2026-03-17T12:41:00Z' where id = 'long'");
    }

    @Test
    void succeedWhenATriggerCannotWriteItsMark() throws SQLException {
        install(fixture.mapping);
        fixture.run("alter table {r}.mark add constraint full_up check (bucket is null)");
        try (Connection host = fixture.begin()) {
            fixture.run(host, "savepoint first");
            fixture.run(host, "insert into {s}.events values ('undone', 'p', 'late', '', '2026-03-17T09:40:00Z')");
            fixture.run(host, "rollback to savepoint first");
            fixture.run(host, "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T09:40:00Z')");
            fixture.run(host, "delete from {s}.event_deliveries where id = 'd10'");
            assertThat(received()).as("before the commit").isEqualTo(new UsageMetrics(3, 21));
            host.commit();
        }
        assertThat(notifications).containsExactly("rolled");
        notifications.clear();
        assertThat(received()).isEqualTo(new UsageMetrics(4, 25));
        assertReadFromRawRows("1 transactions", "INSERT of " + fixture.schema + ".events", "full_up");
        fixture.run("alter table {r}.mark drop constraint full_up");
        assertRolledAgain(new UsageMetrics(4, 25), new UsageMetrics(2, 14));
    }

    /** A request of a transaction whose snapshot the worker's reset doesn't see isn't lost. */
    @Test
    void areNotMissedWhenTheyCommitAfterTheRollUpsWereReset() throws SQLException {
        install(fixture.mapping);
        fixture.run("alter table {r}.mark add constraint full_up check (bucket is null)");
        try (Connection early = fixture.begin();
                Connection late = fixture.begin()) {
            fixture.run(late, "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T09:40:00Z')");
            fixture.run(early, "insert into {s}.events values ('early', 'p', 'early', '', '2026-03-17T09:40:00Z')");
            early.commit();
            assertThat(fixture.runWorker().finished())
                    .as("while a writer is at work")
                    .isFalse();
            late.commit();
        }
        assertThat(received()).isEqualTo(new UsageMetrics(5, 30));
        fixture.run("alter table {r}.mark drop constraint full_up");
        assertRolledAgain(new UsageMetrics(5, 30), new UsageMetrics(3, 21));
    }

    @Test
    void succeedWhenTheSchemaOfTheRollUpsWasRenamed() {
        install(fixture.mapping);
        fixture.run(
                "alter schema {r} rename to " + role,
                "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T09:40:00Z')",
                "update {s}.event_deliveries set status = 'Failure' where id = 'd9'",
                "delete from {s}.events where id = 'e10'",
                "alter schema " + role + " rename to {r}");
        assertThat(received()).isEqualTo(new UsageMetrics(3, 18));
        assertReadFromRawRows(fixture.schema + "_rollups", "does not exist");
        assertRolledAgain(new UsageMetrics(3, 18), new UsageMetrics(2, 7));
    }

    @Test
    void succeedForARoleWithoutPrivilegesOnTheSequence() throws SQLException {
        install(fixture.mapping);
        fixture.run(
                "revoke all on all sequences in schema {r} from public",
                "create role " + role,
                "grant usage on schema {s} to " + role,
                "grant select, insert, update, delete on all tables in schema {s} to " + role);
        try (HikariDataSource pool = Database.newPool(1, config -> config.setConnectionInitSql("set role " + role));
                Connection connection = pool.getConnection()) {
            fixture.run(connection, "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T09:40:00Z')");
            fixture.run(connection, "delete from {s}.events where id = 'e10'");
            fixture.run(connection, "update {s}.event_deliveries set status = 'Failure' where id = 'd9'");
        }
        assertThat(received()).isEqualTo(new UsageMetrics(3, 18));
        fixture.run("drop owned by " + role, "drop role " + role);
    }

    /** The only right that writers need, and PUBLIC has it: PostgreSQL asks for it before it calls the function. */
    @Test
    void needTheRightToExecuteTheWatermark() throws SQLException {
        install(fixture.mapping);
        fixture.run(
                "create role " + role,
                "grant usage on schema {s} to " + role,
                "grant insert on {s}.events to " + role,
                "revoke execute on function {r}.watermark() from public");
        String insert = "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T09:40:00Z')";
        try (HikariDataSource pool = Database.newPool(1, config -> config.setConnectionInitSql("set role " + role));
                Connection connection = pool.getConnection()) {
            assertThatThrownBy(() -> fixture.run(connection, insert))
                    .hasMessageContaining("permission denied for function watermark");
            fixture.run("grant execute on function {r}.watermark() to public");
            fixture.run(connection, insert);
        }
        assertThat(received()).isEqualTo(new UsageMetrics(4, 25));
        fixture.run("drop owned by " + role, "drop role " + role);
    }
}
