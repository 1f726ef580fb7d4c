package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Roll-ups are installed, kept, replaced and removed; errors name the obstacle. */
class RollupInstallIT {

    private static final String EVERYTHING = """
            select 'schema ' || nspname from pg_namespace where nspname like '%1$s'
            union all
            select 'relation ' || nspname || '.' || relname || ' ' || relkind::text
            from pg_class c join pg_namespace n on n.oid = relnamespace where nspname like '%1$s'
            union all
            select 'trigger ' || nspname || '.' || relname || ' ' || tgname || ' ' || tgenabled::text
                || pg_get_triggerdef(t.oid)
            from pg_trigger t join pg_class c on c.oid = tgrelid join pg_namespace n on n.oid = relnamespace
            where nspname like '%1$s' and not tgisinternal
            union all
            select 'function ' || nspname || '.' || proname || ' ' || prosrc
            from pg_proc p join pg_namespace n on n.oid = pronamespace where nspname like '%1$s'
            order by 1
            """;

    private RollupFixture fixture;
    private String schema;

    @BeforeEach
    void begin() {
        schema = Database.newSchema("install");
        fixture = RollupFixture.tables(Database.pool(), schema);
    }

    @AfterEach
    void end() {
        fixture.close();
        Database.execute("drop role if exists usagekit_stranger");
    }

    private List<String> everything() {
        return Database.column(EVERYTHING.formatted(schema + "%"));
    }

    private void assertExactWith(long events) {
        FigureComparison.Pair pair = fixture.read();
        assertThat(pair.rolled()).isEqualTo(pair.raw());
        assertThat(pair.raw().received().volume()).isEqualTo(events);
    }

    private void insert(String id, String at) {
        fixture.run("insert into {s}.events values ('" + id + "', 'p', 'x', '', '" + at + "')");
    }

    @Test
    void keepsRolledHoursWhenInstalledAgain() {
        insert("e", "2026-03-17T09:00:00Z");
        fixture.rollups.install();
        fixture.runWorker();
        RollupStatus before = fixture.rollups.status().orElseThrow();
        assertThat(before.coveredBefore()).contains(fixture.clock.instant());
        List<String> made = everything();

        fixture.rollups.install();

        assertThat(everything()).isEqualTo(made);
        assertThat(fixture.rollups.status()).contains(before);
    }

    @Test
    void removesEverythingThatItInstalled() {
        PostgresUsage.installIndexes(Database.pool(), fixture.mapping);
        List<String> before = everything();
        fixture.rollups.install();
        fixture.runWorker();
        assertThat(everything()).isNotEqualTo(before);

        fixture.rollups.remove();

        assertThat(everything()).isEqualTo(before);
        assertThat(fixture.rollups.status()).isEmpty();
        insert("e", "2026-03-17T09:00:00Z");
        fixture.rollups.remove();
    }

    @Test
    void usesAndKeepsIndexOfHostOnEventIds() {
        fixture.run("create index own on {s}.event_deliveries (event_id, status)");
        PostgresUsage.installIndexes(Database.pool(), fixture.mapping);
        List<String> before = everything();
        fixture.rollups.install();
        assertThat(everything().stream().filter(line -> line.startsWith("relation " + schema + ".")))
                .isEqualTo(before.stream()
                        .filter(line -> line.startsWith("relation " + schema + "."))
                        .toList());
        fixture.rollups.remove();
        assertThat(everything()).isEqualTo(before);
    }

    @Test
    void printsScriptThatInstallsTheSame() {
        PostgresUsage.installIndexes(Database.pool(), fixture.mapping);
        String script = fixture.rollups.ddl();
        fixture.rollups.install();
        List<String> installed = everything();
        fixture.rollups.remove();

        Database.execute("begin;\n" + script + "\ncommit");

        assertThat(everything()).isEqualTo(installed);
        insert("e", "2026-03-17T09:00:00Z");
        fixture.runWorker();
        assertExactWith(1);
    }

    @Test
    void replacesRollupsOfAnotherVersionOrMappingAndRejectsNewerVersion() {
        insert("e", "2026-03-17T09:00:00Z");
        fixture.rollups.install();
        fixture.runWorker();
        List<String> made = everything();

        fixture.run("update {r}.state set version = 0");
        assertThat(fixture.rollups.status()).isEmpty();
        assertThatThrownBy(fixture::runWorker).hasMessageContaining("call install() again");
        fixture.rollups.install();
        assertThat(fixture.rollups.status().orElseThrow().coveredBefore()).isEmpty();
        assertThat(everything()).isEqualTo(made);
        fixture.runWorker();
        assertExactWith(1);

        fixture.run("update {r}.state set settings = 'something else'");
        assertThatThrownBy(fixture::runWorker).hasMessageContaining("call install() again");
        fixture.rollups.install();
        fixture.runWorker();
        assertExactWith(1);

        fixture.run("update {r}.state set version = 999");
        assertThatThrownBy(fixture.rollups::install)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("of version 999, made by a newer library");
    }

    @Test
    void resetsRollupsWhenTriggersAreMissingOrDisabled() throws SQLException {
        insert("e", "2026-03-17T09:00:00Z");
        fixture.rollups.install();
        for (String damage : List.of("disable trigger all", "enable trigger user")) {
            fixture.runWorker();
            assertExactWith(damage.startsWith("disable") ? 1 : 2);
            fixture.run("alter table {s}.events " + damage);
            assertThatThrownBy(fixture::runWorker)
                    .hasMessageContaining("triggers")
                    .hasMessageContaining("install");
            insert("untriggered " + damage, "2026-03-17T09:00:00Z");
            assertExactWith(damage.startsWith("disable") ? 2 : 3);
            fixture.rollups.install();
        }
        fixture.runWorker();
        assertExactWith(3);
    }

    @Test
    void namesMissingPrivileges() throws SQLException {
        fixture.run(
                "create role usagekit_stranger",
                "grant usage on schema {s} to usagekit_stranger",
                "grant select on all tables in schema {s} to usagekit_stranger");
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("set role usagekit_stranger");
            PostgresRollups rollups = PostgresRollups.of(new OneConnection(connection), fixture.mapping);
            assertThatThrownBy(rollups::install)
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("this role lacks CREATE on the database")
                    .hasMessageContaining("ownership of the table \"" + schema + "\".\"events\"")
                    .hasMessageContaining("ownership of the table \"" + schema + "\".\"event_deliveries\"");
            statement.execute("reset role");
        }
        fixture.run("drop owned by usagekit_stranger");
    }

    @Test
    void letsRolesWithoutPrivilegesOnRollupsWriteToTables() throws SQLException {
        fixture.rollups.install();
        fixture.runWorker();
        fixture.run(
                "create role usagekit_stranger",
                "grant usage on schema {s} to usagekit_stranger",
                "grant select, insert, update, delete on {s}.events, {s}.event_deliveries to usagekit_stranger");
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("set role usagekit_stranger");
            fixture.run(connection, "insert into {s}.events values ('e', 'p', 'x', '', '2026-03-17T09:00:00Z')");
            fixture.run(
                    connection,
                    "insert into {s}.event_deliveries values ('d', 'p', 'e', 'Success', '2026-03-17T09:00:00Z')");
            fixture.run(connection, "update {s}.events set raw = 'xyz'");
            assertThatThrownBy(() -> fixture.run(connection, "delete from {r}.mark"))
                    .hasMessageContaining("permission denied");
            statement.execute("reset role");
        }
        assertExactWith(1);
        assertThat(fixture.read().markedHours()).isEqualTo(1);
        fixture.run("drop owned by usagekit_stranger");
    }

    @Test
    void rejectsViewsAndInheritedTables() {
        fixture.run("create view {s}.some_events as select * from {s}.events where raw > ''");
        PostgresRollups ofView = PostgresRollups.of(
                Database.pool(),
                fixture.mapping.toBuilder().events("some_events").build());
        assertThatThrownBy(ofView::install)
                .hasMessageContaining("must be a table")
                .hasMessageContaining("no view");

        fixture.run("create table {s}.more_events () inherits ({s}.events)");
        assertThatThrownBy(fixture.rollups::install).hasMessageContaining("no table from which others inherit");
    }

    @Test
    void usesCommonTypeForIdsOfDifferentTypes() {
        fixture.run(
                "create table {s}.numbered (id integer, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.of_numbered (id character(6), project_id bigint, raw text, created_at timestamptz)",
                "create table {s}.sent (project_id smallint, event_id text collate \"C\", status text, created_at timestamptz)",
                "insert into {s}.numbered values (1, 'org-123', null)");
        TableMapping mapping = fixture.mapping.toBuilder()
                .projects("numbered")
                .events("of_numbered")
                .withoutEventDeletion()
                .payload("raw")
                .deliveries("sent")
                .build();
        PostgresRollups rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .schema(schema + "_numbered")
                .clock(fixture.clock)
                .build();
        rollups.install();
        try (RollupWorker worker = rollups.worker().build()) {
            worker.runOnce();
            fixture.run(
                    "insert into {s}.of_numbered values ('e1', 1, 'x', '2026-03-17T09:00:00Z'), ('e2', 9223372036854775807, 'x', '2026-03-17T09:00:00Z')",
                    "insert into {s}.sent values (1, 'e1', 'Success', '2026-03-17T09:00:00Z')");
            FigureComparison reads = new FigureComparison(Database.pool(), rollups, mapping);
            assertThat(reads.compare(RollupFixture.MARCH).markedHours()).isEqualTo(1);
            worker.runOnce();
            FigureComparison.Pair pair = reads.compare(RollupFixture.MARCH);
            assertThat(pair.rolled()).isEqualTo(pair.raw());
            assertThat(pair.raw().received().volume()).isEqualTo(1);
            assertThat(pair.markedHours()).isZero();
        }
        rollups.remove();
    }

    @Test
    void rollsTruncatedTableFromScratch() {
        fixture.rollups.install();
        for (String table : List.of("events", "event_deliveries")) {
            insert("before " + table, "2026-03-17T09:00:00Z");
            fixture.run("insert into {s}.event_deliveries values ('" + table + "', 'p', 'before " + table
                    + "', 'Success', '2026-03-17T09:00:00Z')");
            fixture.runWorker();
            fixture.run("truncate {s}." + table);
            FigureComparison.Pair pair = fixture.read();
            assertThat(pair.rolled()).isEqualTo(pair.raw());
            assertThat(fixture.rollups.status().orElseThrow().coveredBefore()).isEmpty();
            fixture.runWorker();
            pair = fixture.read();
            assertThat(pair.rolled()).isEqualTo(pair.raw());
            assertThat(fixture.rollups.status().orElseThrow().coveredBefore()).contains(fixture.clock.instant());
        }
    }

    @Test
    void rejectsTruncateInSnapshotOlderThanRollups() throws SQLException {
        fixture.rollups.install();
        insert("e", "2026-03-17T09:00:00Z");
        try (Connection old = fixture.begin()) {
            old.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            assertThat(fixture.count(old, "select count(*) from {r}.state where covered_before is null"))
                    .isEqualTo(1);
            fixture.runWorker();
            assertThatThrownBy(() -> fixture.run(old, "truncate {s}.events"))
                    .isInstanceOf(SQLException.class)
                    .hasMessageContaining("could not serialize access");
            old.rollback();
            old.setAutoCommit(true);
            old.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        }
        assertExactWith(1);
    }

    @Test
    void marksRowsOfCopyAndOfReplicationSessions() throws SQLException {
        fixture.rollups.install();
        fixture.runWorker();
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("set session_replication_role = replica");
            fixture.run(connection, "insert into {s}.events values ('e', 'p', 'x', '', '2026-03-17T09:00:00Z')");
            statement.execute("reset session_replication_role");
        }
        assertExactWith(1);
        fixture.runWorker();
        fixture.run(
                "copy {s}.events (id, project_id, created_at) from program 'echo copied,p,2026-03-17T10:00:00Z' csv");
        assertExactWith(2);
        assertThat(fixture.read().markedHours()).isEqualTo(1);
    }

    @Test
    void resetsRollupsWhenOnePartitionIsTruncated() {
        fixture.run(
                "create table {s}.parts (like {s}.events) partition by range (created_at)",
                "create table {s}.part_1 partition of {s}.parts for values from ('2026-03-01Z') to ('2026-03-10Z')");
        TableMapping mapping = fixture.mapping.toBuilder().events("parts").build();
        PostgresRollups rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .schema(schema + "_parts")
                .clock(fixture.clock)
                .build();
        rollups.install();
        fixture.run(
                "create table {s}.part_2 partition of {s}.parts for values from ('2026-03-10Z') to ('2026-04-01Z')");
        rollups.install();
        FigureComparison reads = new FigureComparison(Database.pool(), rollups, mapping);
        try (RollupWorker worker = rollups.worker().build()) {
            for (String part : List.of("part_1", "part_2")) {
                fixture.run("insert into {s}.parts values ('" + part + "', 'p', '', '', '2026-03-"
                        + (part.endsWith("1") ? "09" : "11") + "Z')");
                worker.runOnce();
                assertThat(reads.compare(RollupFixture.MARCH)
                                .rolled()
                                .received()
                                .volume())
                        .isEqualTo(1);
                fixture.run("truncate {s}." + part);
                assertThat(reads.compare(RollupFixture.MARCH)
                                .rolled()
                                .received()
                                .volume())
                        .isZero();
                assertThat(rollups.status().orElseThrow().coveredBefore()).isEmpty();
            }
        }
        rollups.remove();
    }

    @Test
    void readsTheStateWithinATimeout() throws SQLException {
        fixture.rollups.install();
        assertThat(fixture.rollups.status(Duration.ofSeconds(30))).isEqualTo(fixture.rollups.status());
        for (Duration wrong : List.of(Duration.ZERO, Duration.ofDays(2))) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> fixture.rollups.status(wrong))
                    .withMessage("timeout must be between PT0.001S and PT24H, but was " + wrong);
        }
        try (Connection blocker = Database.pool().getConnection();
                Statement statement = blocker.createStatement()) {
            blocker.setAutoCommit(false);
            statement.execute(fixture.sql("drop schema {r} cascade"));
            assertThatThrownBy(() -> fixture.rollups.status(Duration.ofMillis(50)))
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("reading the state of the roll-ups in the schema");
            blocker.rollback();
        }
    }

    @Test
    void rejectsInvalidSchemaNames() {
        assertThatThrownBy(() -> PostgresRollups.builder(Database.pool())
                        .mapping(fixture.mapping)
                        .schema(schema)
                        .build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("schema must differ from that of the tables");
        assertThatThrownBy(() -> PostgresRollups.of(Database.pool(), TableMapping.gateway("s".repeat(60))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("68 bytes");
    }
}
