package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.events.Duplicates;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.InstantSource;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** The tables of a ledger under test. */
final class LedgerTables {

    private LedgerTables() {}

    /** Installs a ledger into a new schema, and returns its name. */
    static String install(String base) {
        String schema = Database.newSchema(base);
        PostgresLedger.of(Database.pool(), schema).install();
        return schema;
    }

    /** Installs a ledger whose tables are partitioned by month into a new schema, and returns its name. */
    static String installPartitioned(String base) {
        String schema = install(base);
        String s = Identifiers.quote(schema);
        Database.execute(
                "insert into " + s + ".projects (id, organisation_id) values ('p', 'o')",
                "insert into " + s + ".events (id, project_id, created_at) values ('e', 'p', '2026-02-01Z')",
                "insert into " + s + ".event_deliveries (id, project_id, event_id, status, created_at)"
                        + " values ('d', 'p', 'e', '', '2026-02-01Z')");
        PostgresPartitions partitions = PostgresPartitions.builder(Database.pool())
                .mapping(TableMapping.usagekit(schema))
                .clock(ManualClock.at("2026-05-01T00:00:00Z"))
                .build();
        partitions.partition(PartitionInterval.MONTH, new PartitionProgress() {});
        assertThat(partitions.status().events().partitions()).hasSizeGreaterThan(3);
        PostgresLedger.of(Database.pool(), schema).install();
        return schema;
    }

    /** Makes the endpoints of events a table as the previous version installed it. */
    static void makeEndpointsOld(String schema) {
        String s = Identifiers.quote(schema);
        Database.execute(
                "drop trigger usagekit_move_endpoints on " + s + ".events",
                "drop trigger usagekit_fill_endpoint on " + s + ".events_endpoints",
                "alter table " + s + ".events_endpoints drop column project_id, drop column created_at",
                "create index events_endpoints_endpoint_id_idx on " + s
                        + ".events_endpoints (endpoint_id) include (event_id)");
    }

    /** Makes the table of events' ids as it was installed before it had keys. */
    static void makeIdsOld(String schema) {
        String s = Identifiers.quote(schema);
        String trigger = " trigger usagekit_enter_id on " + s + ".events";
        Database.execute(
                "drop trigger usagekit_change_id on " + s + ".events",
                "drop" + trigger,
                "drop function " + s + ".usagekit_live_keys",
                "alter table " + s + ".events_ids drop column project_id, drop column idempotency_key",
                "create or replace function " + s + ".usagekit_enter_id() returns trigger language plpgsql as $$"
                        + " begin insert into " + s + ".events_ids (id, created_at, partition)"
                        + " values (new.id, new.created_at, tg_relid) on conflict do nothing; return null; end $$",
                "create" + trigger.replace(" on ", " after insert or update of id, created_at on ")
                        + " for each row when (pg_partition_root(new.tableoid) is not null)"
                        + " execute function " + s + ".usagekit_enter_id()",
                "alter table " + s + ".events enable always trigger usagekit_enter_id");
    }

    /** Empties the tables, and returns a ledger over them. */
    static PostgresLedger emptied(String schema, Duplicates duplicates, InstantSource clock) {
        empty(schema);
        return PostgresLedger.builder(Database.pool())
                .schema(schema)
                .duplicates(duplicates)
                .clock(clock)
                .build();
    }

    static void empty(String schema) {
        // Deletes are faster than truncating a dozen small files is.
        for (String table :
                new String[] {"event_deliveries", "events_search", "events", "endpoints", "sources", "projects"}) {
            Database.execute("delete from " + Identifiers.qualified(schema, table));
        }
    }

    /** How many buffers of a ledger's tables, their partitions and indexes the open transaction of a connection has read. */
    static long buffers(Connection connection, String schema) {
        try (PreparedStatement statement =
                connection.prepareStatement("select sum(pg_stat_get_xact_blocks_fetched(c.oid))::bigint from pg_class c"
                        + " join pg_namespace n on n.oid = c.relnamespace where n.nspname in (?, ?)")) {
            statement.setString(1, schema);
            statement.setString(2, schema + "_partitions");
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return row.getLong(1);
            }
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    /** Runs a change in batches, which waits for a row that another session changes by a statement, and commits that once it waits. */
    static long changedBeside(String statement, Callable<Long> change) throws Exception {
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection other = Database.pool().getConnection();
                Statement changing = other.createStatement()) {
            other.setAutoCommit(false);
            assertThat(changing.executeUpdate(statement)).isEqualTo(1);
            Future<Long> changed = thread.submit(change);
            Database.awaitASessionThatWaitsFor(other);
            other.commit();
            other.setAutoCommit(true);
            return changed.get(60, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
    }
}
