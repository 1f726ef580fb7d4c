package io.usagekit.postgres.internal.cache;

import static io.usagekit.postgres.internal.cache.CacheLoads.KEY;
import static io.usagekit.postgres.internal.cache.CacheLoads.LEASE;
import static io.usagekit.postgres.internal.cache.CacheLoads.TIME_TO_LIVE;
import static io.usagekit.postgres.internal.cache.CacheLoads.await;
import static io.usagekit.postgres.internal.cache.CacheLoads.eventually;
import static io.usagekit.postgres.internal.cache.CacheLoads.figure;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.cache.CacheCalls.Purpose;
import io.usagekit.postgres.testing.ChangedStatement;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Guards against a statement that another one, or a long wait, has overtaken. */
class CacheGuardsIT {

    private CacheFixture fixture;

    @BeforeEach
    void install() {
        fixture = CacheFixture.install("cache_guards");
    }

    @AfterEach
    void remove() {
        fixture.close();
    }

    private CacheSettings settings(Executor executor, Duration timeout) {
        return new CacheSettings(Database.pool(), executor, fixture.schema(), timeout, Optional.empty());
    }

    /** The fence of a request that drew one, waited for the row, and found that another load had drawn a later one meanwhile. */
    private long fenceAfterLaterOne(SqlSource source, AtomicLong later) throws SQLException {
        CacheSettings settings = settings(fixture.executor(), CacheFixture.PATIENT);
        CacheCalls calls = new CacheCalls(settings, CacheSql.in(fixture.schema(), source), System::nanoTime);
        try (UsageCache cache = fixture.cache();
                FlightStore store = new PostgresFlightStore(settings, calls, new WakeUps(), Optional.empty());
                Connection other = Database.pool().getConnection();
                Statement statement = other.createStatement()) {
            await(cache.put(KEY, figure(KEY, 1), TIME_TO_LIVE));
            other.setAutoCommit(false);
            statement.execute("select from " + fixture.table() + " for update");
            CompletionStage<Acquisition> acquisition =
                    store.acquire(KEY, new LeaseRequest("token", LEASE, Duration.ZERO, OptionalLong.empty()));
            eventually("it waits for the row", this::waits);
            try (ResultSet row = statement.executeQuery("update " + fixture.table()
                    + " set issued = 1048576 * nextval('\"" + fixture.schema() + "\".fence') returning issued")) {
                row.next();
                later.set(row.getLong(1));
            }
            other.commit();
            other.setAutoCommit(true);
            return ((Acquisition.Acquired) await(acquisition)).fence();
        }
    }

    private boolean waits() {
        return Database.query(
                        "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and query like ?)",
                        "%\"" + fixture.schema() + "\"%")
                .equals("t");
    }

    @Test
    void issuesNoFenceBelowALaterOne() throws SQLException {
        AtomicLong later = new AtomicLong();
        assertThat(fenceAfterLaterOne(CacheSql.SOURCE, later)).isGreaterThan(later.get());
    }

    @Test
    void wouldIssueAFenceBelowALaterOneWithoutTheGuard() throws SQLException {
        AtomicLong later = new AtomicLong();
        ChangedStatement unguarded = new ChangedStatement(
                CacheSql.SOURCE, "acquire", "and excluded.issued > coalesce(greatest(f.issued, f.invalidated), 0)", "");
        assertThat(fenceAfterLaterOne(unguarded, later)).isLessThan(later.get());
    }

    /** A crash may lose the numbers that were drawn last, and another load draws one of them. */
    private Publication publicationUnderANumberThatIsDrawnAgain(SqlSource source) {
        CacheSettings settings = settings(fixture.executor(), CacheFixture.PATIENT);
        CacheCalls calls = new CacheCalls(settings, CacheSql.in(fixture.schema(), source), System::nanoTime);
        try (FlightStore store = new PostgresFlightStore(settings, calls, new WakeUps(), Optional.empty())) {
            long before = acquired(store, "before");
            Database.execute("truncate " + fixture.table());
            Database.query("select setval('\"" + fixture.schema() + "\".fence', 1, false)::text");
            acquired(store, "after");
            return await(store.publish(KEY, "before", before, figure(KEY, 1), TIME_TO_LIVE));
        }
    }

    private static long acquired(FlightStore store, String token) {
        LeaseRequest request = new LeaseRequest(token, LEASE, Duration.ZERO, OptionalLong.empty());
        return ((Acquisition.Acquired) await(store.acquire(KEY, request))).fence();
    }

    @Test
    void storesNothingUnderANumberThatAnotherLoadHasDrawnAgain() {
        assertThat(publicationUnderANumberThatIsDrawnAgain(CacheSql.SOURCE)).isInstanceOf(Publication.LeaseLost.class);
    }

    @Test
    void wouldStoreItIfFencesWereThatNumberAlone() {
        ChangedStatement unguarded =
                new ChangedStatement(CacheSql.SOURCE, "acquire", " + floor(random() * 1048576)::bigint", "");
        assertThat(publicationUnderANumberThatIsDrawnAgain(unguarded)).isInstanceOf(Publication.Stored.class);
    }

    @Test
    void countsTheTimeInTheExecutorsQueueAsAge() {
        Deque<Runnable> waiting = new ArrayDeque<>();
        AtomicLong nanos = new AtomicLong();
        CacheSettings settings = settings(waiting::add, CacheFixture.PATIENT);
        CacheCalls calls = new CacheCalls(settings, CacheSql.in(fixture.schema()), nanos::get);
        try (UsageCache cache = new PostgresUsageCache(settings, calls);
                UsageCache reader = fixture.cache()) {
            CompletionStage<Void> put = cache.put(KEY, figure(KEY, 1), Duration.ofSeconds(60));
            nanos.addAndGet(Duration.ofSeconds(7).toNanos());
            waiting.remove().run();
            await(put);
            assertThat(await(reader.get(KEY)).orElseThrow().age()).isGreaterThanOrEqualTo(Duration.ofSeconds(7));
            assertThat(Database.query("select extract(epoch from expires_at - born_at) = 60 from " + fixture.table()))
                    .as("its time to live began with the call")
                    .isEqualTo("t");
        }
    }

    @Test
    void commitsNothingOnceACallHasTimedOut() {
        CompletableFuture<CompletableFuture<Long>> call = new CompletableFuture<>();
        CacheSettings settings = settings(fixture.executor(), CacheFixture.PATIENT);
        try (CacheCalls calls = new CacheCalls(settings);
                UsageCache reader = fixture.cache()) {
            CompletableFuture<Boolean> ended = new CompletableFuture<>();
            call.complete(calls.run(Purpose.WRITE, "a test", attempt -> {
                long rows = CacheSql.bind(
                                attempt.sql().call(attempt.connection(), "put-figure", KEY),
                                figure(KEY, 1),
                                TIME_TO_LIVE,
                                attempt.elapsed())
                        .update();
                call.join().completeExceptionally(new UsageCacheException("timed out", null));
                ended.complete(true);
                return Optional.of(rows);
            }));
            assertThat(CacheLoads.failure(call.join())).isInstanceOf(UsageCacheException.class);
            await(ended);
            eventually(
                    "its transaction has ended",
                    () -> Database.query(
                                    "select not exists (select from pg_stat_activity where state like 'idle in%' and query like ?)",
                                    "%\"" + fixture.schema() + "\"%")
                            .equals("t"));
            assertThat(await(reader.get(KEY))).isEmpty();
        }
    }
}
