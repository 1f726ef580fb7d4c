package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import java.sql.Connection;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class InstallIT {

    private String schema = "";
    private String s = "";

    @BeforeEach
    void name() {
        schema = Database.newSchema("install \"it\"");
        s = Identifiers.quote(schema);
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    @Test
    void changesNothingWhenInstalledTwice() {
        PostgresUsage.install(Database.pool(), schema);
        Database.execute("insert into " + s + ".projects (id, organisation_id) values ('p', 'o')");
        List<String> before = indexes();
        PostgresUsage.install(Database.pool(), schema);
        PostgresUsage.installIndexes(Database.pool(), TableMapping.usagekit(schema));
        assertThat(indexes()).isEqualTo(before);
        assertThat(Database.query("select count(*) from " + s + ".projects")).isEqualTo("1");
    }

    @Test
    void letsManyProcessesInstallAtOnce() throws Exception {
        inParallel(6, () -> {
            PostgresUsage.install(Database.pool(), schema);
            return null;
        });
        assertThat(Database.query("select count(*) from " + s + ".events")).isEqualTo("0");
    }

    @Test
    void seesWhatAnotherInstallationHasCreatedWhileItWaited() throws Exception {
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection other = Database.pool().getConnection();
                Connection waiting = Database.pool().getConnection();
                Statement installing = other.createStatement();
                Statement looking = waiting.createStatement()) {
            // The session's catalog cache holds the schema's and the tables' absence.
            looking.execute(PostgresUsage.ddl(schema));
            looking.execute("drop schema " + s + " cascade");
            looking.execute("select to_regnamespace(" + Identifiers.literal(s) + ")");
            installing.execute("select pg_advisory_lock" + key());
            Future<?> install = thread.submit(() -> PostgresUsage.install(new OneConnection(waiting), schema));
            assertThatThrownBy(() -> install.get(1, TimeUnit.SECONDS)).isInstanceOf(TimeoutException.class);
            installing.execute("create schema " + s);
            installing.execute("select pg_advisory_unlock" + key());
            install.get(30, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
        assertThat(Database.query("select count(*) from " + s + ".events")).isEqualTo("0");
    }

    /** The key of the advisory lock of installations into the schema. */
    private String key() {
        return "(hashtextextended(" + Identifiers.literal("usagekit installation in " + s) + ", 0))";
    }

    @Test
    void printsTheScriptThatItInstalls() {
        Database.execute(PostgresUsage.ddl(schema));
        List<String> printed = indexes();
        Database.dropSchema(schema);
        PostgresUsage.install(Database.pool(), schema);
        assertThat(indexes()).isEqualTo(printed);
    }

    @Test
    void buildsIndexesOnAHostsTablesOnce() {
        gatewayTables("");
        PostgresUsage.installIndexes(Database.pool(), TableMapping.gateway(schema));
        List<String> built = usageIndexes();
        assertThat(built).hasSize(2);
        String firstBuild = oids();

        PostgresUsage.installIndexes(Database.pool(), TableMapping.gateway(schema));
        Database.execute(PostgresUsage.indexDdl(TableMapping.gateway(schema)).split(";\n"));
        Database.execute(
                PostgresUsage.concurrentIndexDdl(TableMapping.gateway(schema)).split(";\n"));

        assertThat(oids()).as("the indexes are the same ones, not built again").isEqualTo(firstBuild);
    }

    @Test
    void rebuildsAnIndexThatAFailedBuildLeftInvalid() {
        gatewayTables("");
        PostgresUsage.installIndexes(Database.pool(), TableMapping.gateway(schema));
        String firstBuild = oids();
        // What a CREATE INDEX CONCURRENTLY that is cancelled leaves behind.
        Database.execute("update pg_index set indisvalid = false where indexrelid = (select c.oid from pg_class c where"
                + " c.relnamespace = " + Identifiers.literal(s)
                + "::regnamespace and c.relname like 'events_usage_%')");
        assertThat(invalid()).isEqualTo("1");

        PostgresUsage.installIndexes(Database.pool(), TableMapping.gateway(schema));

        assertThat(invalid()).isEqualTo("0");
        assertThat(usageIndexes()).hasSize(2);
        assertThat(oids()).isNotEqualTo(firstBuild);
    }

    @Test
    void letsManyProcessesBuildIndexesAtOnce() throws Exception {
        gatewayTables("");
        inParallel(4, () -> {
            PostgresUsage.installIndexes(Database.pool(), TableMapping.gateway(schema));
            return null;
        });
        assertThat(usageIndexes()).hasSize(2);
        assertThat(invalid()).isEqualTo("0");
    }

    /** Without this lock two sessions collide too rarely for the other tests to notice. */
    @Test
    void waitsForAnotherInstallation() throws Exception {
        PostgresRollups rollups = PostgresRollups.of(Database.pool(), TableMapping.usagekit(schema));
        assertWaits(() -> PostgresUsage.install(Database.pool(), schema));
        assertWaits(() -> PostgresUsage.installIndexes(Database.pool(), TableMapping.usagekit(schema)));
        assertWaits(() -> PostgresLedger.of(Database.pool(), schema).install());
        assertWaits(rollups::install);
        assertWaits(rollups::remove);
    }

    private void assertWaits(Runnable installation) throws Exception {
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection other = Database.pool().getConnection();
                Statement statement = other.createStatement()) {
            statement.execute("select pg_advisory_lock" + key());
            Future<?> installing = thread.submit(installation);
            assertThatThrownBy(() -> installing.get(1, TimeUnit.SECONDS))
                    .as("while another session installs")
                    .isInstanceOf(TimeoutException.class);
            assertThat(Database.query("select count(*) from pg_stat_activity where wait_event = 'advisory'"))
                    .as("sessions that wait in a statement")
                    .isEqualTo("0");
            statement.execute("select pg_advisory_unlock" + key());
            installing.get(30, TimeUnit.SECONDS);
        } finally {
            thread.shutdown();
        }
    }

    @Test
    void buildsIndexesPartitionByPartition() {
        gatewayTables(" partition by range (created_at)");
        Database.execute(
                "create table " + s + ".events_1 partition of " + s
                        + ".events for values from (minvalue) to ('2026-03-01Z')",
                "create table " + s + ".events_2 partition of " + s
                        + ".events for values from ('2026-03-01Z') to ('2026-04-01Z') partition by hash (project_id)",
                "create table " + s + ".events_2_0 partition of " + s
                        + ".events_2 for values with (modulus 1, remainder 0)",
                "create table " + s + ".event_deliveries_1 partition of " + s + ".event_deliveries default");
        PostgresUsage.installIndexes(Database.pool(), TableMapping.gateway(schema));
        assertThat(invalid()).isEqualTo("0");
        assertThat(usageIndexes()).hasSize(4 + 2);

        // A partition that comes later gets its part from PostgreSQL; that isn't built a second time under our name.
        Database.execute("create table " + s + ".events_3 partition of " + s
                + ".events for values from ('2026-04-01Z') to ('2026-05-01Z')");
        List<String> withThird = indexes();
        PostgresUsage.installIndexes(Database.pool(), TableMapping.gateway(schema));
        assertThat(indexes()).isEqualTo(withThird);

        // One that was attached without its part gets it.
        Database.execute(
                "create table " + s + ".events_4 (like " + s + ".events)",
                "alter table " + s + ".events attach partition " + s
                        + ".events_4 for values from ('2026-05-01Z') to ('2026-06-01Z')");
        PostgresUsage.installIndexes(Database.pool(), TableMapping.gateway(schema));
        assertThat(invalid()).isEqualTo("0");
    }

    @Test
    void restoresTheSession() {
        gatewayTables("");
        PostgresUsage.installIndexes(Database.pool(), TableMapping.gateway(schema));
        for (String timeout :
                Database.column("select current_setting('statement_timeout') from generate_series(1, 3)")) {
            assertThat(timeout).isEqualTo("0");
        }
        assertThat(Database.query("select count(*) from pg_locks where locktype = 'advisory'"))
                .isEqualTo("0");
    }

    @Test
    void namesASchemaThatIsMissing() {
        assertThatThrownBy(() -> PostgresUsage.installIndexes(Database.pool(), TableMapping.gateway(schema)))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("there is no schema " + s);
    }

    private void gatewayTables(String partitioning) {
        Database.execute(
                "create schema " + s,
                "create table " + s + ".projects (id varchar, organisation_id varchar, deleted_at timestamptz)",
                "create table " + s
                        + ".events (id varchar, project_id varchar, raw text, data bytea, created_at timestamptz, deleted_at timestamptz)"
                        + partitioning,
                "create table " + s
                        + ".event_deliveries (id varchar, project_id varchar, event_id varchar, status text, created_at timestamptz)"
                        + partitioning);
    }

    private List<String> indexes() {
        return Database.column("select indexdef from pg_indexes where schemaname = ? order by indexdef", schema);
    }

    private List<String> usageIndexes() {
        return indexes().stream().filter(index -> index.contains("_usage_")).toList();
    }

    private String oids() {
        return Database.query(
                "select string_agg(oid::text, ' ' order by oid) from pg_class where relkind = 'i' and relnamespace = ?::regnamespace",
                s);
    }

    private String invalid() {
        return Database.query(
                "select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid"
                        + " where c.relnamespace = ?::regnamespace and not i.indisvalid",
                s);
    }

    private static void inParallel(int threads, Callable<Void> task) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            List<Future<Void>> running = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                running.add(pool.submit(task));
            }
            for (Future<Void> one : running) {
                one.get();
            }
        } finally {
            pool.shutdown();
        }
    }
}
