package io.usagekit.postgres.events;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.events.Delivery;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Project;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.testing.Commits;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import javax.sql.DataSource;

/** A ledger with the project {@code p} in a schema of its own, whose tables a test partitions. */
record PartitionedLedger(String schema, EventRepository ledger) {

    /** Midnight, from which days are counted. */
    static final Instant FIRST = Instant.parse("2026-03-01T00:00:00Z");

    /** For so many days and a few more there are partitions. */
    static final int DAYS = 40;

    static PartitionedLedger install(String base) {
        String schema = LedgerTables.install(base);
        EventRepository ledger = PostgresLedger.of(Database.pool(), schema).repository();
        ledger.save(new Project("p", "org-1", ""));
        return new PartitionedLedger(schema, ledger);
    }

    void drop() {
        Database.dropSchema(schema);
        Database.dropSchema(schema + "_partitions");
    }

    /** A table, qualified and quoted. */
    String table(String name) {
        return Identifiers.qualified(schema, name);
    }

    /** An event on a day, still without endpoints. */
    static NewEvent.Builder event(String id, int day) {
        return NewEvent.builder("p", id).createdAt(FIRST.plus(Duration.ofDays(day)));
    }

    /** A delivery of an event on a day. */
    static NewDelivery delivery(String id, String eventId, int day) {
        return new NewDelivery(
                id, "p", eventId, "one", Delivery.SUCCESS, Optional.of(FIRST.plus(Duration.ofDays(day))));
    }

    /** Partitions the tables by an interval, from an event on that has the id {@code first}. */
    void partition(PartitionInterval interval) {
        ledger.record(event("first", 0).endpointIds(List.of("one", "two")).build());
        rewrite(interval);
    }

    void rewrite(PartitionInterval interval) {
        partitions().partition(interval, new PartitionProgress() {});
    }

    void partitionAndEnter() {
        partition(PartitionInterval.MONTH);
        enter();
    }

    /** Enters what is missing, as an installation does. */
    void enter() {
        PostgresLedger.of(Database.pool(), schema).install();
    }

    void unpartition() {
        partitions().unpartition(new PartitionProgress() {});
    }

    private PostgresPartitions partitions() {
        return PostgresPartitions.builder(Database.pool())
                .mapping(TableMapping.usagekit(schema))
                .clock(ManualClock.at(FIRST.plus(Duration.ofDays(DAYS)).toString()))
                .build();
    }

    boolean areIdsEntered() {
        return Database.query("select " + table("usagekit_are_ids_entered") + "()::text")
                .equals("true");
    }

    /**
     * What a call reads.
     *
     * @param buffers of the ledger's tables, their partitions and indexes
     * @param looks how often it looks for its ids in all partitions
     */
    record Reads(long buffers, int looks) {}

    /** What a call reads that commits, in a session of its own. */
    Reads reads(Consumer<EventRepository> call) {
        AtomicLong buffers = new AtomicLong();
        AtomicInteger looks = new AtomicInteger();
        try (HikariDataSource pool = Database.newPool(1)) {
            DataSource watched = Commits.watchedStatements(
                    Commits.watched(pool, connection -> buffers.set(LedgerTables.buffers(connection, schema))),
                    (connection, sql) -> looks.addAndGet(sql.contains("having count(*) > 1") ? 1 : 0));
            call.accept(PostgresLedger.of(watched, schema).repository());
        }
        return new Reads(buffers.get(), looks.get());
    }

    /** The partition that has the event, quoted. */
    String partitionOf(String id) {
        return Database.query("select tableoid::regclass::text from " + table("events") + " where id = ?", id);
    }

    /** Inserts events as a previous version did, which entered none. */
    void insertUnentered(String columns, String rows) {
        Database.execute(
                "alter table " + table("events") + " disable trigger usagekit_enter_id",
                "insert into " + table("events") + " (" + columns + ") " + rows,
                "alter table " + table("events") + " enable always trigger usagekit_enter_id");
    }

    /**
     * Records in a transaction, runs something else that has to wait for it, and ends the transaction.
     *
     * @param isCommitted otherwise it is rolled back
     */
    void race(Consumer<EventRepository> first, boolean isCommitted, Runnable second) throws Exception {
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection transaction = Database.pool().getConnection()) {
            transaction.setAutoCommit(false);
            first.accept(PostgresLedger.of(Database.pool(), schema).repository(transaction));
            Future<?> waiting = thread.submit(second);
            Database.awaitASessionThatWaitsFor(transaction);
            if (isCommitted) {
                transaction.commit();
            } else {
                transaction.rollback();
            }
            waiting.get(30, TimeUnit.SECONDS);
        } finally {
            thread.shutdownNow();
        }
    }
}
