package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;
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
    void refreshesTheCatalogAfterTheWaitForAnotherInstallation() throws Exception {
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection other = Database.pool().getConnection();
                Connection waiting = Database.pool().getConnection();
                Statement installing = other.createStatement();
                Statement looking = waiting.createStatement()) {
            // What it will look up is in its cache already: looking it up would make it take note of changes.
            looking.execute(PostgresUsage.ddl(schema));
            looking.execute("drop schema " + s + " cascade");
            other.setAutoCommit(false);
            installing.execute("select pg_advisory_xact_lock(hashtextextended('usagekit tables', 0))");
            DataSource itself = onlyThisConnection(waiting, () -> {
                // It looks for the schema, which isn't there, and remembers that; then it waits.
                looking.execute("select to_regnamespace('" + s + "')");
                installing.execute("create schema " + s);
            });
            Future<?> install = thread.submit(() -> PostgresUsage.install(itself, schema));
            awaitAWaitingSession();
            other.commit();
            install.get(30, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
        assertThat(Database.query("select count(*) from " + s + ".events")).isEqualTo("0");
    }

    private interface Step {
        void run() throws SQLException;
    }

    /** A data source of this connection, whose transaction begins with a step of the test. */
    private static DataSource onlyThisConnection(Connection connection, Step first) {
        Connection stepped = (Connection) Proxy.newProxyInstance(
                InstallIT.class.getClassLoader(), new Class<?>[] {Connection.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("close")) {
                        return null;
                    }
                    Object result = method.invoke(connection, arguments);
                    if (method.getName().equals("setAutoCommit") && Boolean.FALSE.equals(arguments[0])) {
                        first.run();
                    }
                    return result;
                });
        return (DataSource) Proxy.newProxyInstance(
                InstallIT.class.getClassLoader(),
                new Class<?>[] {DataSource.class},
                (proxy, method, arguments) -> stepped);
    }

    private static void awaitAWaitingSession() {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (Database.query("select count(*) from pg_locks where locktype = 'advisory' and not granted")
                .equals("0")) {
            assertThat(System.nanoTime()).as("somebody waits").isLessThan(deadline);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
        }
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

    /** Without these locks two sessions collide too rarely for the other tests to notice. */
    @Test
    void waitsForAnotherInstallation() throws Exception {
        assertWaits("usagekit tables", () -> PostgresUsage.install(Database.pool(), schema));
        assertWaits(
                "usagekit indexes", () -> PostgresUsage.installIndexes(Database.pool(), TableMapping.usagekit(schema)));
    }

    private static void assertWaits(String lock, Runnable installation) throws Exception {
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection other = Database.pool().getConnection();
                Statement statement = other.createStatement()) {
            String key = "(hashtextextended(" + Identifiers.literal(lock) + ", 0))";
            statement.execute("select pg_advisory_lock" + key);
            Future<?> installing = thread.submit(installation);
            assertThatThrownBy(() -> installing.get(1, TimeUnit.SECONDS))
                    .as("while another session holds the lock '%s'", lock)
                    .isInstanceOf(TimeoutException.class);
            statement.execute("select pg_advisory_unlock" + key);
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
