package io.usagekit.postgres.internal.cache;

import static io.usagekit.postgres.internal.cache.CacheLoads.KEY;
import static io.usagekit.postgres.internal.cache.CacheLoads.TIME_TO_LIVE;
import static io.usagekit.postgres.internal.cache.CacheLoads.acquired;
import static io.usagekit.postgres.internal.cache.CacheLoads.await;
import static io.usagekit.postgres.internal.cache.CacheLoads.failure;
import static io.usagekit.postgres.internal.cache.CacheLoads.figure;
import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.UsageCache.Condition;
import io.usagekit.UsageCacheException;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.testing.CapturedLog;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Calls complete within their timeout, and do nothing after it, whatever keeps them from it. */
class CacheCallsIT {

    private static final Duration SHORT = Duration.ofMillis(300);

    private CacheFixture fixture;

    @BeforeEach
    void install() {
        fixture = CacheFixture.install("cache_calls");
    }

    @AfterEach
    void remove() {
        fixture.close();
    }

    private PostgresCache hasty() {
        return fixture.builder().timeout(SHORT).build();
    }

    /** Holds the row of the key until it is closed. */
    private Connection locked() throws SQLException {
        Connection connection = Database.pool().getConnection();
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.execute("select from " + fixture.table() + " for update");
        }
        return connection;
    }

    private static void unlock(Connection connection) throws SQLException {
        connection.rollback();
        connection.setAutoCommit(true);
        connection.close();
    }

    @Test
    void failsACallWhoseRowIsLocked() throws SQLException {
        try (UsageCache patient = fixture.cache();
                UsageCache hasty = hasty().cache()) {
            await(patient.put(KEY, figure(KEY, 1), TIME_TO_LIVE));
            Connection holder = locked();
            assertThat(failure(hasty.put(KEY, figure(KEY, 2), TIME_TO_LIVE)))
                    .isInstanceOf(UsageCacheException.class)
                    .hasMessageContaining("the figure of " + KEY + " can't be stored");
            assertThat(await(patient.get(KEY))).as("readers don't wait").isPresent();
            unlock(holder);
            assertThat(await(patient.get(KEY)).orElseThrow().usage())
                    .isEqualTo(figure(KEY, 1).usage());
        }
    }

    /** An executor whose threads are all taken. */
    @Test
    void neitherBlocksNorBeginsLateWhereTheExecutorIsBusy() {
        Deque<Runnable> waiting = new ArrayDeque<>();
        PostgresCache shared = PostgresCache.builder(Database.pool(), waiting::add)
                .schema(fixture.schema())
                .timeout(SHORT)
                .build();
        try (UsageCache cache = shared.cache();
                UsageCache patient = fixture.cache()) {
            assertThat(failure(cache.put(KEY, figure(KEY, 1), TIME_TO_LIVE)))
                    .isInstanceOf(UsageCacheException.class)
                    .hasMessageContaining(" within PT0.3S");
            assertThat(waiting).hasSize(1);
            waiting.remove().run();
            assertThat(await(patient.get(KEY))).as("a call that has timed out").isEmpty();
        }
    }

    @Test
    void failsWhereTheExecutorTakesNoTask() {
        PostgresCache shared = PostgresCache.builder(Database.pool(), task -> {
                    throw new RejectedExecutionException("shut down");
                })
                .schema(fixture.schema())
                .build();
        try (UsageCache cache = shared.cache()) {
            assertThat(failure(cache.get(KEY)))
                    .isInstanceOf(UsageCacheException.class)
                    .hasMessageContaining("the executor takes no task");
        }
    }

    @Test
    void saysThatItIsClosedWhereItIsClosedDuringTheCall() {
        AtomicReference<UsageCache> closing = new AtomicReference<>();
        PostgresCache shared = PostgresCache.builder(Database.pool(), task -> {
                    Objects.requireNonNull(closing.get()).close();
                    throw new RejectedExecutionException("shut down");
                })
                .schema(fixture.schema())
                .build();
        try (UsageCache cache = shared.cache()) {
            closing.set(cache);
            assertThat(failure(cache.get(KEY)))
                    .isInstanceOf(UsageCacheException.class)
                    .hasMessageContaining("it is closed");
        }
    }

    @Test
    void failsWhereThePoolHasNoConnectionInTime() throws SQLException {
        try (HikariDataSource pool = Database.newPool(1);
                Connection only = pool.getConnection()) {
            assertThat(only.isValid(0)).isTrue();
            PostgresCache shared = PostgresCache.builder(pool, fixture.executor())
                    .schema(fixture.schema())
                    .timeout(SHORT)
                    .build();
            try (UsageCache cache = shared.cache()) {
                assertThat(failure(cache.get(KEY))).isInstanceOf(UsageCacheException.class);
            }
        }
    }

    @Test
    void logsAnOutageOnceAndSaysWhatIsMissing() {
        try (CapturedLog log = CapturedLog.of(PostgresUsage.class);
                UsageCache cache = fixture.cache()) {
            assertThat(cache.stats().shared()).isEqualTo(Condition.UNKNOWN);
            assertThat(await(cache.get(KEY))).isEmpty();
            assertThat(cache.stats().shared()).isEqualTo(Condition.UP);
            Database.execute("alter table " + fixture.table() + " rename to elsewhere");
            for (int i = 0; i < 3; i++) {
                assertThat(failure(cache.get(KEY)))
                        .isInstanceOfSatisfying(
                                UsageCacheException.class,
                                error -> assertThat(error.isTransient()).isFalse())
                        .hasMessageContaining("PostgresCache.install()");
            }
            assertThat(cache.stats().shared()).isEqualTo(Condition.DOWN);
            Database.execute("alter table \"" + fixture.schema() + "\".elsewhere rename to figure");
            assertThat(await(cache.get(KEY))).isEmpty();
            assertThat(cache.stats().shared()).isEqualTo(Condition.UP);
            assertThat(log.lines("WARN"))
                    .singleElement()
                    .asString()
                    .contains("shared usage figures can't be read in PostgreSQL, and no retry will cure that");
        }
    }

    /** A figure of before the server's clock was set back, whose age nobody knows, and a lease of then. */
    @Test
    void takesWhatIsFromTheFutureForMissing() {
        try (UsageCache cache = fixture.cache();
                FlightStore store = fixture.store()) {
            await(cache.put(KEY, figure(KEY, 1), TIME_TO_LIVE));
            long first = acquired(store, KEY, "token");
            fixture.elapse(Duration.ofHours(-1));
            assertThat(await(cache.get(KEY))).isEmpty();
            assertThat(acquired(store, KEY, "other")).isGreaterThan(first);
        }
    }

    @Test
    void keepsReasonsThatTheDatabaseCannotHold() {
        try (FlightStore store = fixture.store()) {
            acquired(store, KEY, "token");
            await(store.fail(KEY, "token", "a\0b\uD83D", Duration.ofSeconds(20)));
            assertThat(CacheLoads.acquire(store, KEY, "other"))
                    .isInstanceOfSatisfying(
                            FlightStore.Acquisition.Failed.class,
                            failed -> assertThat(failed.reason()).isEqualTo("a\uFFFDb?"));
        }
    }

    /** They serve all callers, of other tenants too. */
    @Test
    void ownThreadsInheritNothingFromTheCallerThatStartsThem() {
        InheritableThreadLocal<String> tenant = new InheritableThreadLocal<>();
        tenant.set("tenant");
        PostgresCache busy = PostgresCache.builder(Database.pool(), task -> {})
                .schema(fixture.schema())
                .timeout(Duration.ofSeconds(2)) // by then it is known what is to happen
                .build();
        try (UsageCache cache = busy.cache();
                FlightStore store = fixture.listeningStore()) {
            CompletableFuture<String> woken = new CompletableFuture<>();
            FlightStore.Registration waits = store.onWakeUp(KEY, () -> woken.complete(seen(tenant)));
            await(store.invalidate(KEY));
            assertThat(await(woken)).isEqualTo("usagekit-postgres-listen: null");
            waits.close();
            CompletionStage<String> timedOut = cache.get(KEY).handle((figure, error) -> seen(tenant));
            assertThat(await(timedOut)).isEqualTo("usagekit-postgres-timer: null");
        }
    }

    private static String seen(ThreadLocal<String> tenant) {
        return Thread.currentThread().getName() + ": " + tenant.get();
    }
}
