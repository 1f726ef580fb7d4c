package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.testing.Database;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Readers during a cut-over: one that starts to write doesn't fail, and readers that overlap don't prevent the cut-over for ever. */
class PartitionReadersIT {

    private final PartitionFixture tables = PartitionFixture.create();

    @AfterEach
    void drop() {
        tables.close();
    }

    private static final String READ =
            "select count(*) from {s}.events, {s}.event_deliveries, {s}.projects where false";

    private PostgresPartitions partitions(
            int attemptsBeforeQueueing, Duration lockTimeout, Duration budget, RewriteProbe probe) {
        return PostgresPartitions.builder(Database.pool())
                .mapping(tables.mapping)
                .clock(tables.clock)
                .attemptsBeforeQueueing(attemptsBeforeQueueing)
                .pace(new LockRetrier.Pace(lockTimeout, Duration.ofMillis(10), budget))
                .probe(probe)
                .build();
    }

    /** Lets a host read the tables once the shadow table is complete, and write when the cut-over blocks readers. */
    private String outcomeOfAReaderThatWrites(int attemptsBeforeQueueing) throws Exception {
        try (Connection host = tables.begin()) {
            CountDownLatch readersNext = new CountDownLatch(1);
            RewriteProbe probe = point -> {
                if (point == RewriteProbe.Point.CHANGE_LOG_EMPTIED && readersNext.getCount() > 0) {
                    read(host);
                } else if (point == RewriteProbe.Point.SNAPSHOTS_ENDED) {
                    readersNext.countDown();
                }
            };
            PostgresPartitions rewriting =
                    partitions(attemptsBeforeQueueing, Duration.ofSeconds(20), Duration.ofMinutes(1), probe);
            CompletableFuture<PartitionResult> run = CompletableFuture.supplyAsync(
                    () -> rewriting.partition(PartitionInterval.MONTH, PartitionProgress.NONE));
            assertThat(readersNext.await(30, TimeUnit.SECONDS)).isTrue();
            if (attemptsBeforeQueueing == 0) {
                tables.awaitWaiting("lock table%access exclusive%");
            }
            String outcome = write(
                    host,
                    "update {s}.events set event_type = 'written' where id = 'e1'",
                    "update {s}.event_deliveries set status = 'Failure' where id = 'd1'");
            host.setAutoCommit(true);
            run.orTimeout(60, TimeUnit.SECONDS).join();
            return outcome;
        }
    }

    private void read(Connection connection) {
        try {
            tables.count(connection, READ);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private String write(Connection host, String... updates) throws SQLException {
        try {
            for (String update : updates) {
                tables.run(host, update);
            }
            host.commit();
            return "written";
        } catch (SQLException e) {
            host.rollback();
            return e.getSQLState();
        }
    }

    /** A pool that is slow, or in use by others, while writers are blocked. */
    @Test
    void cutOverIsTriedAgainWhenItsOtherConnectionComesTooLate() {
        Duration lockTimeout = Duration.ofMillis(300);
        AtomicBoolean nextIsLate = new AtomicBoolean();
        AtomicInteger attempts = new AtomicInteger();
        DataSource slow = (DataSource) Proxy.newProxyInstance(
                PartitionReadersIT.class.getClassLoader(),
                new Class<?>[] {DataSource.class},
                (proxy, method, arguments) -> {
                    if (nextIsLate.compareAndSet(true, false)) {
                        LockSupport.parkNanos(lockTimeout.toNanos());
                    }
                    return method.invoke(Database.pool(), arguments);
                });
        PostgresPartitions.builder(slow)
                .mapping(tables.mapping)
                .clock(tables.clock)
                .pace(new LockRetrier.Pace(lockTimeout, Duration.ofMillis(10), Duration.ofMinutes(1)))
                .probe(point ->
                        nextIsLate.set(point == RewriteProbe.Point.WRITERS_LOCKED && attempts.incrementAndGet() == 1))
                .build()
                .partition(PartitionInterval.MONTH, PartitionProgress.NONE);

        assertThat(attempts)
                .as("the first of the events', and one of each table")
                .hasValueGreaterThanOrEqualTo(3);
    }

    @Test
    void readerThatWritesDoesNotFail() throws Exception {
        assertThat(outcomeOfAReaderThatWrites(Integer.MAX_VALUE)).isEqualTo("written");
        assertThat(tables.one("select count(*) from {s}.events where event_type = 'written'"))
                .isEqualTo("1");
    }

    @Tag("thorough")
    @Test
    void readerThatWritesFailsWhenTheCutOverQueues() throws Exception {
        assertThat(outcomeOfAReaderThatWrites(0)).isEqualTo("40P01");
    }

    @Test
    void readerThatWritesToAReferencedTableDoesNotFail() throws Exception {
        CountDownLatch cutOver = new CountDownLatch(1);
        try (Connection host = tables.begin()) {
            RewriteProbe probe = point -> {
                if (point == RewriteProbe.Point.CUT_OVER && cutOver.getCount() > 0) {
                    read(host);
                    cutOver.countDown();
                }
            };
            PostgresPartitions rewriting =
                    partitions(Integer.MAX_VALUE, Duration.ofSeconds(20), Duration.ofMinutes(1), probe);
            CompletableFuture<PartitionResult> run = CompletableFuture.supplyAsync(
                    () -> rewriting.partition(PartitionInterval.MONTH, PartitionProgress.NONE));
            assertThat(cutOver.await(30, TimeUnit.SECONDS)).isTrue();
            tables.awaitWaitingFor("projects");
            String outcome = write(host, "update {s}.projects set name = 'written' where id = 'p'");
            host.setAutoCommit(true);
            run.orTimeout(60, TimeUnit.SECONDS).join();
            assertThat(outcome).isEqualTo("written");
        }
    }

    /** Two readers, one of which always holds locks on the tables, except after one has queued for too long behind the cut-over. */
    private final class Readers implements AutoCloseable {
        private final CountDownLatch firstRead = new CountDownLatch(1);
        private volatile boolean stopped;
        private final CompletableFuture<?> all = CompletableFuture.runAsync(this::readInTurn);

        void awaitFirst() throws InterruptedException {
            assertThat(firstRead.await(30, TimeUnit.SECONDS)).isTrue();
        }

        private void readInTurn() {
            try (Connection one = tables.begin();
                    Connection another = tables.begin()) {
                for (Connection last = one, next = another; !stopped; ) {
                    readBriefly(next);
                    firstRead.countDown();
                    last.commit();
                    Connection still = next;
                    next = last;
                    last = still;
                }
                for (Connection connection : List.of(one, another)) {
                    connection.commit();
                    connection.setAutoCommit(true);
                }
            } catch (SQLException e) {
                throw new AssertionError(e.getMessage(), e);
            }
        }

        private void readBriefly(Connection connection) throws SQLException {
            try {
                tables.run(connection, "set local lock_timeout = '20ms'");
                tables.count(connection, READ);
            } catch (SQLException e) {
                assertThat(e.getSQLState()).isEqualTo("55P03");
                connection.rollback();
            }
        }

        @Override
        public void close() {
            stopped = true;
            all.orTimeout(30, TimeUnit.SECONDS).join();
        }
    }

    @Tag("thorough")
    @Test
    void cutOverQueuesWhenReadersAlwaysOverlap() throws Exception {
        Duration lockTimeout = Duration.ofMillis(200);
        PostgresPartitions neverQueueing =
                partitions(Integer.MAX_VALUE, lockTimeout, Duration.ofSeconds(1), RewriteProbe.NONE);
        PostgresPartitions finallyQueueing = partitions(2, lockTimeout, Duration.ofMinutes(1), RewriteProbe.NONE);
        try (Readers readers = new Readers()) {
            readers.awaitFirst();
            assertThatThrownBy(() -> neverQueueing.partition(PartitionInterval.MONTH, PartitionProgress.NONE))
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("timed out after PT1S waiting for ACCESS EXCLUSIVE on \"" + tables.schema
                            + "\".\"events\", last blocked by ")
                    .hasMessageEndingWith("; retry when load is lower, or raise lockBudget");
            finallyQueueing.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        }
        assertThat(finallyQueueing.status().events().interval()).contains(PartitionInterval.MONTH);
    }
}
