package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.testing.Database;
import io.usagekit.servers.EmbeddedPostgresServer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What an operator of a gateway does to its tables, one statement after another, with the host's writes in between. After each of them
 * the figure is read at once, without a run of the worker: it equals what a copy of the tables sums up to, or is refused in words.
 * The transcript is printed. Runs in {@code -Pthorough}.
 */
@Tag("thorough")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class GatewayOperationsIT {

    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private EmbeddedPostgresServer server;
    private HikariDataSource pool;
    private GatewayReplay replay;

    @BeforeEach
    void begin() {
        server = EmbeddedPostgresServer.start(Map.of("wal_level", "logical"));
        pool = Database.pool(server.jdbcUrl());
        replay = GatewayReplay.begin(pool);
    }

    @AfterEach
    void end() {
        pool.close();
        server.close();
    }

    @Test
    void everyFigureIsRightOrRefusedInWords() {
        replay.exact("the roll-ups are installed, and all hours rolled", "rolled");
        partition();
        deleteAsTheGatewayDoes();
        makePlainAgain();
        partitionByTheLibrary();
        deleteByTheLibrary();
        restoreOneTable();
        renameTheSchema();
        switchOver();
        replay.print("GatewayOperationsIT");
    }

    private void partition() {
        replay.run("the gateway attaches its events to a partitioned table", """
                alter table {s}.event_deliveries drop constraint event_deliveries_event_id_fkey;
                alter table {s}.events drop constraint events_pkey;
                alter table {s}.events rename to events_heap;
                create table {s}.events (like {s}.events_heap including defaults, primary key (id, created_at, project_id))
                    partition by range (project_id, created_at);
                alter table {s}.events attach partition {s}.events_heap default;
                """);
        replay.exactFromRawRows("the next read");
        replay.writeLate();
        replay.exactFromRawRows("the host writes late rows");
        replay.installAndRoll();
        replay.exact("install() and a run of the worker", "rolled");

        replay.run("the gateway copies its deliveries into partitions of a project and a day each", """
                alter table {s}.delivery_attempts drop constraint delivery_attempts_event_delivery_id_fkey;
                create table {s}.event_deliveries_new (like {s}.event_deliveries including defaults)
                    partition by range (project_id, created_at);
                do $$
                declare r record;
                begin
                    for r in select p.id, d::date as day from {s}.projects p,
                        generate_series(timestamp '2026-01-30', '2026-03-19', '1 day') d
                    loop
                        execute format('create table {s}.%I partition of {s}.event_deliveries_new for values from (%L, %L) to (%L, %L)',
                            'event_deliveries_' || r.id || to_char(r.day, '_YYYYMMDD'),
                            r.id, r.day || ' 00:00+00', r.id, r.day + 1 || ' 00:00+00');
                    end loop;
                end $$;
                insert into {s}.event_deliveries_new select * from {s}.event_deliveries;
                drop table {s}.event_deliveries;
                alter table {s}.event_deliveries_new rename to event_deliveries;
                """);
        replay.exactFromRawRows("the next read");
        replay.writeLate();
        replay.exactFromRawRows("the host writes late rows");
        replay.installAndRoll();
        replay.exact("install() and a run of the worker", "rolled");
    }

    private void deleteAsTheGatewayDoes() {
        replay.run(
                "the gateway creates tomorrow's partition",
                "create table {s}.events_p_20260318 partition of {s}.events for values from ('p', '2026-03-18Z') to ('p', '2026-03-19Z')");
        replay.exactFromRawRows("the next read");
        replay.writeLate();
        replay.exactFromRawRows("the host writes late rows");
        replay.roll();
        replay.exact("a run of the worker", "rolled");

        replay.both(
                "the gateway's retention deletes the first days of February, events without deliveries last",
                "delete from {s}.event_deliveries where created_at <= '2026-02-05T23:59:59Z'",
                "delete from {s}.events e where created_at <= '2026-02-05T23:59:59Z'"
                        + " and not exists (select from {s}.event_deliveries d where d.event_id = e.id)");
        replay.exact("the next read", "rolled");
        replay.both("the gateway deletes tokenised events", "delete from {s}.events where id like 'e%7'");
        replay.exact("the next read", "rolled");
        replay.both(
                "the gateway deletes events softly", "update {s}.events set deleted_at = now() where id like 'e%8'");
        replay.exact("the next read", "rolled");
        replay.both("the gateway empties payloads", "update {s}.events set raw = '', data = '' where id like 'e%6'");
        replay.exact("the next read", "rolled");
        replay.both(
                "the gateway deletes a project softly", "update {s}.projects set deleted_at = now() where id = 'q'");
        replay.exact("the next read", "rolled");
        replay.both("and takes it back", "update {s}.projects set deleted_at = null where id = 'q'");
        replay.exact("the next read", "rolled");

        replay.run("the gateway drops a day of a project", "drop table {s}.event_deliveries_p_20260305");
        replay.onCopy(
                "delete from {copy}.event_deliveries where project_id = 'p' and created_at >= '2026-03-05Z' and created_at < '2026-03-06Z'");
        replay.exactFromRawRows("the next read");
        replay.roll();
        replay.exact("a run of the worker", "rolled");
        replay.run(
                "the gateway detaches a day of a project",
                "alter table {s}.event_deliveries detach partition {s}.event_deliveries_q_20260306");
        replay.onCopy(
                "delete from {copy}.event_deliveries where project_id = 'q' and created_at >= '2026-03-06Z' and created_at < '2026-03-07Z'");
        replay.exactFromRawRows("the next read");
        replay.roll();
        replay.exact("a run of the worker", "rolled");
        replay.run("and drops it", "drop table {s}.event_deliveries_q_20260306");
        replay.exact("the next read", "rolled");
        replay.both(
                "the gateway empties a partition",
                "delete from {s}.event_deliveries where project_id = 'q' and created_at >= '2026-03-07Z' and created_at < '2026-03-08Z'");
        replay.exact("the next read", "rolled");
        replay.run("and truncates another by its name", "truncate {s}.event_deliveries_q_20260308");
        replay.onCopy(
                "delete from {copy}.event_deliveries where project_id = 'q' and created_at >= '2026-03-08Z' and created_at < '2026-03-09Z'");
        replay.exact("the next read", "NOT_COVERING");
        replay.roll();
        replay.exact("a run of the worker", "rolled");
    }

    private void makePlainAgain() {
        replay.run("the gateway makes its events a plain table again", """
                create table {s}.events_plain (like {s}.events including defaults);
                insert into {s}.events_plain select * from {s}.events;
                drop table {s}.events;
                alter table {s}.events_plain rename to events;
                alter table {s}.events add primary key (id);
                """);
        replay.exactFromRawRows("the next read");
        replay.run("and its deliveries", """
                create table {s}.event_deliveries_plain (like {s}.event_deliveries including defaults);
                insert into {s}.event_deliveries_plain select * from {s}.event_deliveries;
                drop table {s}.event_deliveries;
                alter table {s}.event_deliveries_plain rename to event_deliveries;
                alter table {s}.event_deliveries add primary key (id);
                """);
        replay.writeLate();
        replay.exactFromRawRows("the next read, after late rows");
        replay.installAndRoll();
        replay.exact("install() and a run of the worker", "rolled");
    }

    private void partitionByTheLibrary() {
        replay.partitions().partition(PartitionInterval.WEEK, PartitionProgress.NONE);
        replay.say("the library partitions the tables by week", "partitions.partition(WEEK, ...)");
        replay.exact("the next read", "rolled");
        replay.writeLate();
        replay.exact("the host writes late rows", "rolled");
        replay.partitions().unpartition(PartitionProgress.NONE);
        replay.say("and makes them plain tables again", "partitions.unpartition(...)");
        replay.exact("the next read", "rolled");
        replay.writeLate();
        replay.exact("the host writes late rows", "rolled");
    }

    private void deleteByTheLibrary() {
        assertThat(replay.rollups()
                        .deleteBefore(Instant.parse("2026-03-03T00:00:00Z"), new RetentionProgress() {})
                        .events())
                .isPositive();
        replay.say(
                "the library's retention deletes what is older than 3 March, and keeps its sums",
                "rollups.deleteBefore(2026-03-03T00:00:00Z, ...)");
        replay.exact("the next read", "rolled");
    }

    private void restoreOneTable() {
        replay.run("a backup of the deliveries is made", "create table {s}.backup as table {s}.event_deliveries");
        replay.onCopy("create table {copy}.backup as table {copy}.event_deliveries");
        replay.writeLate();
        replay.exact("the host writes late rows", "rolled");
        replay.run("the backup is restored", """
                drop table {s}.event_deliveries;
                alter table {s}.backup rename to event_deliveries;
                alter table {s}.event_deliveries add primary key (id);
                """);
        replay.onCopy("drop table {copy}.event_deliveries", "alter table {copy}.backup rename to event_deliveries");
        replay.exactFromRawRows("the next read");
        replay.installAndRoll();
        replay.exact("install() and a run of the worker", "rolled");
    }

    private void renameTheSchema() {
        replay.run("the schema is renamed", "alter schema {s} rename to renamed");
        replay.refused("the next read, with the old mapping", "\"convoy\"");
        replay.tablesAreIn("renamed");
        replay.refused(
                "the next read, with the new mapping", "sums of rows that were deleted by retention", "call install()");
        replay.writeLate();
        replay.installAndRoll();
        replay.exact("install() and a run of the worker, after late rows", "rolled");
    }

    /** A subscriber of logical replication, whose sequences haven't moved, becomes the primary. */
    private void switchOver() {
        FixtureSql.run(pool, "create database switched");
        try (HikariDataSource other = Database.pool(server.jdbcUrl().replace("/postgres?", "/switched?"))) {
            GatewayReplay.createTables(other, "renamed");
            replay.rollupsOf(other).install();
            List<String> tables = replay.tables();
            tables.remove("renamed.events_heap");
            FixtureSql.run(other, "truncate " + String.join(", ", tables));
            FixtureSql.run(pool, "create publication moved for table " + String.join(", ", tables));
            FixtureSql.run(pool, "select pg_create_logical_replication_slot('moved', 'pgoutput')");
            String subscription = "create subscription moved connection '"
                    + server.jdbcUrl()
                            .replaceFirst(".*//([^:]+):(\\d+)/.*", "host=$1 port=$2 user=postgres dbname=postgres")
                    + "' publication moved with (create_slot = false, slot_name = 'moved')";
            FixtureSql.run(other, subscription);
            awaitNone(other, "select 1 from pg_subscription_rel where srsubstate <> 'r'");
            replay.say("another database subscribes to the tables of the gateway and of the roll-ups", subscription);
            replay.writeLate();
            replay.exact("the host writes late rows; read from the publisher", "rolled");
            String written =
                    FixtureSql.texts(pool, "select pg_current_wal_lsn()").get(0);
            awaitNone(
                    pool,
                    "select 1 from pg_replication_slots where slot_name = 'moved' and confirmed_flush_lsn < '" + written
                            + "'");
            replay.continueOn(other);
            replay.exact("the same figures, read from the subscriber", "rolled", "ALTERED");
            FixtureSql.run(other, "alter subscription moved disable");
            FixtureSql.run(other, "alter subscription moved set (slot_name = none)");
            FixtureSql.run(other, "drop subscription moved");
            replay.say("the subscriber becomes the primary", "drop subscription moved");
            replay.exact("the next read", "rolled", "ALTERED");
            replay.writeLate();
            replay.exact("the host writes late rows", "rolled", "ALTERED");
            replay.installAndRoll();
            replay.exact("install() and a run of the worker", "rolled");
            replay.writeLate();
            replay.exact("the host writes late rows", "rolled");
        }
    }

    private static void awaitNone(HikariDataSource database, String query) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!FixtureSql.texts(database, query).isEmpty()) {
            assertThat(System.nanoTime()).as(query).isLessThan(deadline);
        }
    }
}
