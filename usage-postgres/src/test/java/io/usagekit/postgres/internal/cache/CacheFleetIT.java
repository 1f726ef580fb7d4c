package io.usagekit.postgres.internal.cache;

import static io.usagekit.postgres.internal.cache.CacheLoads.KEY;
import static io.usagekit.postgres.internal.cache.CacheLoads.eventually;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Registration;
import io.usagekit.OrganisationUsage;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache.Condition;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageMetrics;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.testing.CapturedLog;
import io.usagekit.postgres.testing.Database;
import io.usagekit.servers.PgBouncer;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two services over one table, as two processes of a fleet have them. */
class CacheFleetIT {

    private static final Duration LEASE = Duration.ofMinutes(1);
    private static final Duration SELDOM = Duration.ofMinutes(1);
    private static final Duration OFTEN = Duration.ofMillis(20);

    private CacheFixture fixture;
    private final AtomicInteger computations = new AtomicInteger();
    private final AtomicInteger waiting = new AtomicInteger();
    /** Permits for computations to end. */
    private final Semaphore ends = new Semaphore(0);

    private final List<AutoCloseable> opened = new ArrayList<>();

    @BeforeEach
    void install() {
        fixture = CacheFixture.install("cache_fleet");
    }

    @AfterEach
    void remove() throws Exception {
        ends.release(1_000);
        for (AutoCloseable one : opened) {
            one.close();
        }
        fixture.close();
    }

    private UsageCalculator calculator() {
        return (key, timeout) -> {
            long number = computations.incrementAndGet();
            ends.acquireUninterruptibly();
            return new OrganisationUsage(key, new UsageMetrics(number, 0), UsageMetrics.ZERO, Instant.now());
        };
    }

    private UsageService member(PostgresCache shared, Duration pollInterval) {
        UsageService service = UsageService.builder(calculator())
                .cache(shared.cache())
                .singleFlight(SingleFlights.fleetWide(shared.flightStore(), LEASE, pollInterval))
                .computationTimeout(Duration.ofMinutes(5))
                .drainTimeout(Duration.ZERO)
                .listener(new UsageListener() {
                    @Override
                    public void remoteLoadAwaited(UsageKey key) {
                        waiting.incrementAndGet();
                    }
                })
                .build();
        opened.add(service);
        return service;
    }

    private PostgresCache listening() {
        return fixture.builder().listenOn(Database.pool()).build();
    }

    private static CompletionStage<UsageResult> get(UsageService service) {
        return service.getAsync(KEY.organisationId(), KEY.period());
    }

    private static long figure(CompletionStage<UsageResult> answer) {
        return CacheLoads.await(answer).usage().orElseThrow().received().volume();
    }

    /** One leads, the other waits. */
    private void assertComputedOnce(PostgresCache shared, Duration pollInterval) {
        UsageService here = member(shared, pollInterval);
        UsageService there = member(shared, pollInterval);
        CompletionStage<UsageResult> first = get(here);
        eventually("one computes", () -> computations.get() == 1);
        CompletionStage<UsageResult> second = get(there);
        eventually("the other waits", () -> waiting.get() == 1);
        ends.release();
        assertThat(figure(first)).isEqualTo(1);
        assertThat(figure(second)).isEqualTo(1);
        assertThat(figure(get(there))).as("from the cache").isEqualTo(1);
        assertThat(computations).hasValue(1);
    }

    @Test
    void computesOnceWhereTheOthersPoll() {
        assertComputedOnce(fixture.builder().build(), OFTEN);
    }

    /** They poll once a minute, for longer than this test waits. */
    @Test
    void computesOnceWhereTheOthersAreWoken() {
        assertComputedOnce(listening(), SELDOM);
    }

    @Test
    void storesNothingThatWasComputedBeforeAnInvalidationElsewhere() {
        PostgresCache shared = listening();
        UsageService here = member(shared, SELDOM);
        UsageService there = member(shared, SELDOM);
        CompletionStage<UsageResult> before = get(here);
        eventually("it computes", () -> computations.get() == 1);
        there.invalidate(KEY.organisationId());
        ends.release(2);
        assertThat(figure(before)).as("callers that joined get the value").isEqualTo(1);
        assertThat(figure(get(there))).as("nothing was stored").isEqualTo(2);
        assertThat(figure(get(here))).isEqualTo(2);
        assertThat(computations).hasValue(2);
    }

    /** What is missed meanwhile is made up for by waking everybody. */
    @Test
    @SuppressWarnings("try") // registered as long as the block lasts
    void listensAgainOnAnotherConnection() {
        Semaphore woken = new Semaphore(0);
        try (HikariDataSource direct =
                Database.newPool(1, config -> config.addDataSourceProperty("ApplicationName", fixture.schema()))) {
            PostgresCache shared = fixture.builder().listenOn(direct).build();
            assertThat(shared.stats().listening()).isEqualTo(Condition.UNKNOWN);
            try (FlightStore store = shared.flightStore();
                    Registration waits = store.onWakeUp(KEY, woken::release)) {
                String backend = listener();
                Database.query("select pg_terminate_backend(?::int)", backend);
                eventually("woken after it has listened again", woken::tryAcquire);
                assertThat(listener()).isNotEqualTo(backend);
                assertThat(shared.stats().listening()).isEqualTo(Condition.UP);
                CacheLoads.await(store.invalidate(KEY));
                eventually("woken by a notification", woken::tryAcquire);
                assertThat(shared.stats().wakeUps()).isEqualTo(1);
            }
        }
    }

    /** A missing class of the driver, say, or no memory. */
    @Test
    void listensAgainAfterAnError() {
        AtomicBoolean broken = new AtomicBoolean(true);
        DataSource pool = Database.pool();
        DataSource direct = (DataSource) Proxy.newProxyInstance(
                DataSource.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("getConnection") && broken.getAndSet(false)) {
                        throw new NoClassDefFoundError("org/example/Driver");
                    }
                    return method.invoke(pool, arguments);
                });
        PostgresCache shared = fixture.builder().listenOn(direct).build();
        try (FlightStore store = shared.flightStore()) {
            assertThat(store).isNotNull();
            eventually("it listens", () -> shared.stats().listening() == Condition.UP);
            assertThat(broken).isFalse();
        }
    }

    @Test
    void saysThatItDoesNotListen() {
        HikariDataSource closed = Database.newPool(1);
        closed.close();
        PostgresCache shared = fixture.builder().listenOn(closed).build();
        try (FlightStore store = shared.flightStore()) {
            eventually("it has failed", () -> shared.stats().listening() == Condition.DOWN);
            assertThat(CacheLoads.await(store.renew(KEY, "token", Duration.ofSeconds(5))))
                    .isFalse();
        }
    }

    @Test
    void givesTheConnectionBackWithoutListening() throws Exception {
        try (HikariDataSource direct = Database.newPool(1)) {
            fixture.builder().listenOn(direct).build().flightStore().close();
            try (var connection = direct.getConnection();
                    var statement = connection.createStatement();
                    var row = statement.executeQuery("select count(*) from pg_listening_channels()")) {
                assertThat(row.next()).isTrue();
                assertThat(row.getInt(1)).isZero();
            }
        }
    }

    private String listener() {
        return Database.query("select pid from pg_stat_activity where application_name = ?", fixture.schema());
    }

    /** It polls, and says so. */
    @Test
    void pollsThroughAPoolerInTransactionMode() {
        // PgBouncer isn't published to Maven Central, and a JDK and Maven must do for mvn verify: a machine without it
        // skips
        // this test, and says so. .ci/run installs it, so that no change lands without it.
        assumeTrue(PgBouncer.isAvailable(), () -> PgBouncer.announceSkipped(CacheFleetIT.class));
        try (CapturedLog log = CapturedLog.of(PostgresUsage.class);
                PgBouncer bouncer = PgBouncer.start(Database.jdbcUrl(), 4);
                HikariDataSource pool = Database.pool(bouncer.jdbcUrl(database()))) {
            PostgresCache shared = PostgresCache.builder(pool, fixture.executor())
                    .schema(fixture.schema())
                    .timeout(CacheFixture.PATIENT)
                    .listenOn(pool)
                    .build();
            assertComputedOnce(shared, OFTEN);
            assertThat(log.lines("WARN"))
                    .anySatisfy(line -> assertThat(line).contains("wake-ups can't be received through a pooler"));
            assertThat(shared.stats().listening()).isEqualTo(Condition.DOWN);
            for (AutoCloseable one : opened) {
                assertThat(CompletableFuture.runAsync(() -> close(one))).succeedsWithin(Duration.ofSeconds(60));
            }
        }
    }

    private static void close(AutoCloseable one) {
        try {
            one.close();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static String database() {
        return Database.query("select current_database()");
    }
}
