package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Operations;
import io.usagekit.postgres.testing.Sample;
import java.sql.Connection;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Blocking calls end when their thread is interrupted, while another session holds a lock that they wait for. */
class InterruptIT {

    private static final String NAME = "interrupted";

    private final String schema = Database.newSchema("interrupt");

    @BeforeEach
    void install() {
        for (String operation :
                List.of("ledger.install", "rollups.install", "ledger.save", "ledger.record of an old event")) {
            Operations.run(operation, schema, Database.pool());
        }
        Operations.run("worker.runOnce", schema, Database.pool());
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
        Database.dropSchema(schema + "_rollups");
        Database.dropSchema(schema + "_partitions");
    }

    private static boolean isWaiting() {
        return !Database.query(
                        "select count(*) from pg_stat_activity where application_name = ? and wait_event_type = 'Lock'",
                        NAME)
                .equals("0");
    }

    static Stream<String> operations() {
        return Sample.of(
                List.of(
                        "calculate",
                        "rollups.calculate",
                        "ledger.record",
                        "ledger.tokenise",
                        "ledger.delete",
                        "ledger.deleteForGood",
                        "ledger.export",
                        "rollups.verify",
                        "rollups.deleteBefore",
                        "partition"),
                4);
    }

    @ParameterizedTest
    @MethodSource("operations")
    void endsWhileItWaitsForALock(String operation) throws Exception {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        AtomicBoolean isStillInterrupted = new AtomicBoolean();
        try (HikariDataSource pool =
                        Database.newPool(3, config -> config.addDataSourceProperty("ApplicationName", NAME));
                Connection other = Database.pool().getConnection();
                Statement statement = other.createStatement()) {
            other.setAutoCommit(false);
            statement.execute("lock table " + Identifiers.qualified(schema, "events") + " in access exclusive mode");
            Thread thread = new Thread(() -> {
                try {
                    Operations.run(operation, schema, pool);
                } catch (Throwable e) {
                    failure.set(e);
                }
                isStillInterrupted.set(Thread.currentThread().isInterrupted());
            });
            thread.start();
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (!isWaiting()) {
                assertThat(System.nanoTime()).as("waits for the lock").isLessThan(deadline);
                Thread.onSpinWait();
            }
            thread.interrupt();
            thread.join(TimeUnit.SECONDS.toMillis(30));
            assertThat(thread.isAlive()).as("goes on").isFalse();
            assertThat(failure.get()).isInstanceOf(UsageException.class);
            assertThat(failure.get().getMessage())
                    .doesNotContain("within PT")
                    .containsAnyOf("canceling", "interrupted");
            assertThat(isStillInterrupted).isTrue();
            assertThat(isWaiting()).as("a session still waits").isFalse();
            other.rollback();
            other.setAutoCommit(true);
        }
    }

    @Test
    void endsBetweenTwoBatches() {
        for (String operation :
                List.of("ledger.tokenise", "ledger.delete", "ledger.deleteForGood", "rollups.deleteBefore")) {
            Thread.currentThread().interrupt();
            try {
                Operations.run(operation, schema, Database.pool());
                assertThat(operation).as("wasn't interrupted").isEmpty();
            } catch (UsageException e) {
                assertThat(e).hasMessageContaining("interrupted");
            } finally {
                assertThat(Thread.interrupted()).as(operation).isTrue();
            }
        }
    }
}
