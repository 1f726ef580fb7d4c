package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Readers while a table is exchanged: none that comes to write fails, and none keeps the exchange from coming about for ever. */
class PartitionReadersIT extends PartitionSuite {

    private static final String LOOK =
            "select count(*) from {s}.events, {s}.event_deliveries, {s}.projects where false";

    private PostgresPartitions partitions(RewriteOptions options, Duration lockTimeout, Duration patience) {
        return PostgresPartitions.builder(Database.pool())
                .mapping(scene.mapping)
                .clock(clock)
                .options(options)
                .pace(new LockRetrier.Pace(lockTimeout, Duration.ofMillis(10), patience))
                .build();
    }

    /** It looks at the tables once the copy is whole, and writes when the rebuild wants readers to be out. */
    private String readerThatComesToWrite(int politeAttempts) throws Exception {
        try (Connection host = scene.begin()) {
            CountDownLatch readersNext = new CountDownLatch(1);
            RewriteOptions options = RewriteOptions.DEFAULT
                    .politeAttempts(politeAttempts)
                    .probe(point -> {
                        if (point == RewriteOptions.Point.DRAINED && readersNext.getCount() > 0) {
                            look(host);
                        } else if (point == RewriteOptions.Point.SNAPSHOTS_GONE) {
                            readersNext.countDown();
                        }
                    });
            PostgresPartitions rebuilding = partitions(options, Duration.ofSeconds(20), Duration.ofMinutes(1));
            CompletableFuture<PartitionResult> run =
                    CompletableFuture.supplyAsync(() -> rebuilding.partition(PartitionInterval.MONTH, NOBODY));
            assertThat(readersNext.await(30, TimeUnit.SECONDS)).isTrue();
            if (politeAttempts == 0) {
                scene.awaitWaiting("lock table%access exclusive%");
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

    private void look(Connection connection) {
        try {
            scene.count(connection, LOOK);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private String write(Connection host, String... updates) throws SQLException {
        try {
            for (String update : updates) {
                scene.run(host, update);
            }
            host.commit();
            return "written";
        } catch (SQLException e) {
            host.rollback();
            return e.getSQLState();
        }
    }

    @Test
    void aReaderThatComesToWriteDoesNotFail() throws Exception {
        assertThat(readerThatComesToWrite(Integer.MAX_VALUE)).isEqualTo("written");
        assertThat(scene.one("select count(*) from {s}.events where event_type = 'written'"))
                .isEqualTo("1");
    }

    @Test
    void inAQueueForTheLockItWould() throws Exception {
        assertThat(readerThatComesToWrite(0)).isEqualTo("40P01");
    }

    @Test
    void aReaderThatComesToWriteToWhatTheTableRefersToDoesNotFail() throws Exception {
        CountDownLatch swapped = new CountDownLatch(1);
        try (Connection host = scene.begin()) {
            RewriteOptions options = RewriteOptions.DEFAULT.probe(point -> {
                if (point == RewriteOptions.Point.SWAPPED && swapped.getCount() > 0) {
                    look(host);
                    swapped.countDown();
                }
            });
            PostgresPartitions rebuilding = partitions(options, Duration.ofSeconds(20), Duration.ofMinutes(1));
            CompletableFuture<PartitionResult> run =
                    CompletableFuture.supplyAsync(() -> rebuilding.partition(PartitionInterval.MONTH, NOBODY));
            assertThat(swapped.await(30, TimeUnit.SECONDS)).isTrue();
            scene.awaitWaitingFor("projects");
            String outcome = write(host, "update {s}.projects set name = 'written' where id = 'p'");
            host.setAutoCommit(true);
            run.orTimeout(60, TimeUnit.SECONDS).join();
            assertThat(outcome).isEqualTo("written");
        }
    }

    /** Two readers, one of whom has always looked at the tables, until one waits for too long behind somebody who would lock them. */
    private final class Readers implements AutoCloseable {
        private final CountDownLatch looked = new CountDownLatch(1);
        private volatile boolean over;
        private final CompletableFuture<?> all = CompletableFuture.runAsync(this::read);

        void awaitFirst() throws InterruptedException {
            assertThat(looked.await(30, TimeUnit.SECONDS)).isTrue();
        }

        private void read() {
            try (Connection one = scene.begin();
                    Connection another = scene.begin()) {
                for (Connection last = one, next = another; !over; ) {
                    lookBriefly(next);
                    looked.countDown();
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

        private void lookBriefly(Connection connection) throws SQLException {
            try {
                scene.run(connection, "set local lock_timeout = '20ms'");
                scene.count(connection, LOOK);
            } catch (SQLException e) {
                assertThat(e.getSQLState()).isEqualTo("55P03");
                connection.rollback();
            }
        }

        @Override
        public void close() {
            over = true;
            all.orTimeout(30, TimeUnit.SECONDS).join();
        }
    }

    @Test
    void whereThereAreAlwaysReadersTheQueueLeadsOn() throws Exception {
        Duration lockTimeout = Duration.ofMillis(200);
        PostgresPartitions polite = partitions(
                RewriteOptions.DEFAULT.politeAttempts(Integer.MAX_VALUE), lockTimeout, Duration.ofSeconds(1));
        PostgresPartitions politeAtFirst =
                partitions(RewriteOptions.DEFAULT.politeAttempts(2), lockTimeout, Duration.ofMinutes(1));
        try (Readers readers = new Readers()) {
            readers.awaitFirst();
            assertThatThrownBy(() -> polite.partition(PartitionInterval.MONTH, NOBODY))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("others didn't let go of");
            politeAtFirst.partition(PartitionInterval.MONTH, NOBODY);
        }
        assertThat(politeAtFirst.status().events().step()).contains(PartitionInterval.MONTH);
    }
}
