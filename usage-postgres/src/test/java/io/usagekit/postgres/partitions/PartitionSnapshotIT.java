package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** Others at work while a table is rebuilt: who wrote before, and who has an old snapshot. With each guard, and without. */
class PartitionSnapshotIT extends PartitionSuite {

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    @Test
    void whoWroteBeforeIsWaitedFor() throws SQLException {
        try (Connection host = scene.begin()) {
            scene.run(host, "insert into {s}.events (id, project_id, raw) values ('before', 'p', 'before')");
            CompletableFuture<PartitionResult> run =
                    CompletableFuture.supplyAsync(() -> partitions.partition(PartitionInterval.MONTH, NOBODY));
            scene.awaitWaiting("%create trigger%usagekit_rebuild%");
            host.commit();
            host.setAutoCommit(true);
            run.orTimeout(60, TimeUnit.SECONDS).join();
        }
        assertThat(scene.one("select count(*) from {s}.events where id = 'before'"))
                .isEqualTo("1");
    }

    /** A reader has its snapshot before the table is rebuilt, and reads the table after that. */
    private String readerWithAnOldSnapshot(RewriteOptions options) throws SQLException {
        String events = "select count(*) from {s}.events";
        try (Connection reader = scene.begin()) {
            reader.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            scene.count(reader, "select count(*) from pg_namespace");
            boolean[] waited = {false};
            PartitionProgress listener = new PartitionProgress() {
                @Override
                public void waiting(List<String> others) {
                    waited[0] = true;
                }
            };
            PostgresPartitions rebuilding = partitions(options);
            CompletableFuture<PartitionResult> run =
                    CompletableFuture.supplyAsync(() -> rebuilding.partition(PartitionInterval.MONTH, listener));
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (!waited[0] && !run.isDone()) {
                assertThat(System.nanoTime()).isLessThan(deadline);
                LockSupport.parkNanos(1_000_000);
            }
            String seen = String.valueOf(scene.count(reader, events));
            reader.commit();
            reader.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
            reader.setAutoCommit(true);
            run.orTimeout(60, TimeUnit.SECONDS).join();
            return seen;
        }
    }

    @Test
    void anOldSnapshotIsWaitedFor() throws SQLException {
        assertThat(readerWithAnOldSnapshot(RewriteOptions.DEFAULT)).isEqualTo("" + PartitionFixture.EVENTS);
    }

    @Test
    void withoutTheWaitAnOldSnapshotSeesNothing() throws SQLException {
        assertThat(readerWithAnOldSnapshot(RewriteOptions.DEFAULT.without(RewriteOptions.Guard.WAIT_FOR_SNAPSHOTS)))
                .isEqualTo("0");
    }

    /** A writer in REPEATABLE READ has its snapshot, and waits to write while the table is exchanged. */
    private String writerWithAnOldSnapshot(RewriteOptions options) {
        List<CompletableFuture<String>> writes = new CopyOnWriteArrayList<>();
        PostgresPartitions rebuilding = partitions(options.probe(point -> {
            if (point == RewriteOptions.Point.CAUGHT_UP && writes.isEmpty()) {
                scene.run("insert into {s}.events (id, project_id) values ('fresh', 'p') on conflict do nothing");
            } else if (point == RewriteOptions.Point.WRITERS_LOCKED && writes.isEmpty()) {
                writes.add(CompletableFuture.supplyAsync(this::updateInOneSnapshot));
                scene.awaitWaiting("update%waits%");
            }
        }));
        rebuilding.partition(PartitionInterval.MONTH, NOBODY);
        return writes.get(0).orTimeout(30, TimeUnit.SECONDS).join();
    }

    private String updateInOneSnapshot() {
        try (Connection host = scene.begin()) {
            host.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            try {
                return "updated " + scene.run(host, "update {s}.events set event_type = 'waits' where id = 'fresh'");
            } catch (SQLException e) {
                return e.getSQLState();
            } finally {
                host.rollback();
                host.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
                host.setAutoCommit(true);
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    @Test
    void aWriterWhoseSnapshotIsTooOldIsTold() {
        assertThat(writerWithAnOldSnapshot(RewriteOptions.DEFAULT)).isEqualTo("40001");
    }

    @Test
    void withoutThatItWouldMissRows() {
        assertThat(writerWithAnOldSnapshot(RewriteOptions.DEFAULT.without(RewriteOptions.Guard.CHECK_WRITERS)))
                .isEqualTo("updated 0");
    }
}
