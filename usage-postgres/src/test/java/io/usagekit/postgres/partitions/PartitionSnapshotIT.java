package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.internal.SqlSource;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Transactions that started before a rewrite or its cut-over: with each protection of their snapshots, and without it. */
class PartitionSnapshotIT {

    private final PartitionFixture tables = PartitionFixture.create();
    private final PostgresPartitions partitions = tables.partitions();

    @AfterEach
    void drop() {
        tables.close();
    }

    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    @Test
    void waitsForWritersThatStartedBeforeTheRewrite() throws SQLException {
        try (Connection host = tables.begin()) {
            tables.run(host, "insert into {s}.events (id, project_id, raw) values ('before', 'p', 'before')");
            CompletableFuture<PartitionResult> run = CompletableFuture.supplyAsync(
                    () -> partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE));
            tables.awaitWaiting("lock table%events%share row exclusive%");
            host.commit();
            host.setAutoCommit(true);
            run.orTimeout(60, TimeUnit.SECONDS).join();
        }
        assertThat(tables.one("select count(*) from {s}.events where id = 'before'"))
                .isEqualTo("1");
    }

    /** Lets a reader take its snapshot before the rewrite and read the table afterwards; returns how many rows it sees. */
    private String rowsOfAReaderWithAnOldSnapshot(SqlSource source) throws SQLException {
        String events = "select count(*) from {s}.events";
        try (Connection reader = tables.begin()) {
            reader.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            tables.count(reader, "select count(*) from pg_namespace");
            boolean[] waited = {false};
            PartitionProgress progress = new PartitionProgress() {
                @Override
                public void waiting(List<String> blockers) {
                    waited[0] = true;
                }
            };
            PostgresPartitions rewriting = tables.partitions(settings -> settings.source(source));
            CompletableFuture<PartitionResult> run =
                    CompletableFuture.supplyAsync(() -> rewriting.partition(PartitionInterval.MONTH, progress));
            long deadline = System.nanoTime() + TIMEOUT.toNanos();
            while (!waited[0] && !run.isDone()) {
                assertThat(System.nanoTime()).isLessThan(deadline);
                LockSupport.parkNanos(1_000_000);
            }
            String seen = String.valueOf(tables.count(reader, events));
            reader.commit();
            reader.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
            reader.setAutoCommit(true);
            run.orTimeout(60, TimeUnit.SECONDS).join();
            return seen;
        }
    }

    @Test
    void cutOverWaitsForOldSnapshots() throws SQLException {
        assertThat(rowsOfAReaderWithAnOldSnapshot(RewriteSql.FILES)).isEqualTo("" + PartitionFixture.EVENTS);
    }

    @Test
    void oldSnapshotSeesNoRowsWithoutTheWait() throws SQLException {
        assertThat(rowsOfAReaderWithAnOldSnapshot(MutatedStatements.WITHOUT_SNAPSHOT_WAIT))
                .isEqualTo("0");
    }

    /** Lets a writer in REPEATABLE READ take its snapshot and queue for the table during the cut-over; returns its outcome. */
    private String outcomeOfAWriterWithAnOldSnapshot(SqlSource source) {
        List<CompletableFuture<String>> writes = new CopyOnWriteArrayList<>();
        PostgresPartitions rewriting =
                tables.partitions(settings -> settings.source(source).probe(point -> {
                    if (point == RewriteProbe.Point.CAUGHT_UP && writes.isEmpty()) {
                        tables.run(
                                "insert into {s}.events (id, project_id) values ('fresh', 'p') on conflict do nothing");
                    } else if (point == RewriteProbe.Point.WRITERS_LOCKED && writes.isEmpty()) {
                        writes.add(CompletableFuture.supplyAsync(this::updateInOneSnapshot));
                        tables.awaitWaiting("update%waits%");
                    }
                }));
        rewriting.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        return writes.get(0).orTimeout(30, TimeUnit.SECONDS).join();
    }

    private String updateInOneSnapshot() {
        try (Connection host = tables.begin()) {
            host.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            try {
                return "updated " + tables.run(host, "update {s}.events set event_type = 'waits' where id = 'fresh'");
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
    void writerWithAnOldSnapshotFails() {
        assertThat(outcomeOfAWriterWithAnOldSnapshot(RewriteSql.FILES)).isEqualTo("40001");
    }

    @Tag("thorough")
    @Test
    void writerWithAnOldSnapshotMissesRowsWithoutTheCheck() {
        assertThat(outcomeOfAWriterWithAnOldSnapshot(MutatedStatements.WITHOUT_SNAPSHOT_CHECK))
                .isEqualTo("updated 0");
    }
}
