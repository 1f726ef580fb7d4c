package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static io.usagekit.redis.Redis.succeeds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SslOptions;
import io.usagekit.FlightStore;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.testkit.FaultyProxy;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.time.YearMonth;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Wrong addresses, passwords, permissions and databases: what the log and the exceptions say, and that they are no outages. */
class RedisSettingsIT {

    private static final String PASSWORD = "top-secret-1";
    private static final String WRONG = "top-secret-2";
    private static final UsageKey KEY = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)));

    private static EmbeddedRedisServer server;
    private static int port;

    private CapturedLog log;

    @BeforeAll
    static void start() {
        server = EmbeddedRedisServer.start(
                "requirepass " + PASSWORD,
                "user reader on >" + PASSWORD
                        + " ~usage:* resetchannels &usage:* +get +pttl +type +ping +hello +client +eval +evalsha",
                "user nobody on >" + PASSWORD + " -@all +hello +auth +ping +client");
        port = RedisURI.create(server.url()).getPort();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void capture() {
        log = new CapturedLog();
    }

    @AfterEach
    void release() {
        log.close();
    }

    private static RedisURI.Builder uri() {
        return RedisURI.builder().withHost("127.0.0.1").withPort(port);
    }

    private static void with(RedisURI uri, Consumer<RedisClient> test) {
        RedisClient client = RedisClient.create(uri);
        try {
            test.accept(client);
        } finally {
            client.shutdown(Duration.ZERO, Duration.ofSeconds(5));
        }
    }

    private static UsageCache open(RedisClient client) {
        return RedisUsage.builder(client)
                .connectTimeout(Duration.ofSeconds(20))
                .commandTimeout(Duration.ofSeconds(2))
                .build();
    }

    /** Asserts what each call says, what is logged once for all of them, and that neither says a password. */
    private void assertSaid(RedisURI uri, String reason, boolean isTransient) {
        assertSaid(uri, client -> {}, reason, isTransient);
    }

    private void assertSaid(RedisURI uri, Consumer<RedisClient> options, String reason, boolean isTransient) {
        with(uri, client -> {
            options.accept(client);
            try (UsageCache cache = open(client)) {
                for (int calls = 0; calls < 20; calls++) {
                    UsageCacheException error = failure(cache.get(KEY));
                    assertThat(error).hasMessageContaining(reason).hasCauseInstanceOf(RuntimeException.class);
                    assertThat(error.isTransient()).isEqualTo(isTransient);
                }
            }
        });
        assertThat(log.lines("WARN")).singleElement().asString().contains(reason);
        assertThat(log.lines("WARN").get(0).contains("no retry will cure")).isEqualTo(!isTransient);
        assertThat(log.text()).contains("Caused by: ").doesNotContain(PASSWORD, WRONG);
    }

    @Test
    void namesMissingPassword() {
        assertSaid(uri().build(), "NOAUTH", false);
    }

    @Test
    void namesWrongPassword() {
        assertSaid(uri().withPassword(WRONG.toCharArray()).build(), "WRONGPASS", false);
    }

    @Test
    void namesWrongPasswordOfAclUser() {
        assertSaid(uri().withAuthentication("reader", WRONG.toCharArray()).build(), "WRONGPASS", false);
    }

    @Test
    void namesMissingPermission() {
        assertSaid(uri().withAuthentication("nobody", PASSWORD.toCharArray()).build(), "NOPERM", false);
    }

    @Test
    void namesDatabaseOutOfRange() {
        assertSaid(
                uri().withPassword(PASSWORD.toCharArray()).withDatabase(99).build(), "DB index is out of range", false);
    }

    @Test
    void namesTlsAgainstServerThatAnswersWithoutTls() throws IOException {
        try (ServerSocket plain = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                RejectingServer rejecting = new RejectingServer(plain, "-ERR Protocol error\r\n")) {
            assertSaid(uri().withPort(plain.getLocalPort()).withSsl(true).build(), "answers without TLS", false);
            assertThat(rejecting.count()).isPositive();
        }
    }

    /** Redis waits for the end of a line, which a TLS client may never send. */
    @Test
    void namesTlsAgainstPlainPort() {
        SslOptions impatient =
                SslOptions.builder().handshakeTimeout(Duration.ofMillis(500)).build();
        assertSaid(
                uri().withPassword(WRONG.toCharArray()).withSsl(true).build(),
                client -> client.setOptions(
                        ClientOptions.builder().sslOptions(impatient).build()),
                "expects no TLS",
                true);
    }

    @Test
    void namesClosedPort() throws IOException {
        int closed;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            closed = free.getLocalPort();
        }
        assertSaid(uri().withPort(closed).withPassword(PASSWORD.toCharArray()).build(), "/127.0.0.1:" + closed, true);
    }

    @Test
    void namesUnknownHost() {
        assertSaid(
                uri().withHost("no-such-host.invalid")
                        .withPassword(PASSWORD.toCharArray())
                        .build(),
                "no-such-host.invalid",
                true);
    }

    @Test
    void namesMissingPermissionOfOneOperation() {
        with(uri().withAuthentication("reader", PASSWORD.toCharArray()).build(), client -> {
            try (UsageCache cache = open(client)) {
                assertThat(succeeds(cache.get(KEY))).isTrue();
                assertThat(failure(cache.invalidate(KEY)).isTransient()).isFalse();
                failure(cache.invalidate(KEY));
            }
        });
        assertThat(log.lines("WARN"))
                .singleElement()
                .asString()
                .contains("refuses to delete")
                .contains("no retry will cure");
    }

    @Test
    void namesPasswordThatChangedWhileRedisWasDown() {
        EmbeddedRedisServer own = EmbeddedRedisServer.start();
        with(RedisURI.create(own.url()), client -> {
            try (UsageCache cache = open(client)) {
                assertThat(succeeds(cache.get(KEY))).isTrue();
                int port = RedisURI.create(own.url()).getPort();
                own.kill();
                eventually(
                        "the outage is logged",
                        () -> !succeeds(cache.get(KEY)) && !log.lines("WARN").isEmpty());
                assertThat(log.lines("WARN")).singleElement().asString().contains("refused");

                try (EmbeddedRedisServer changed = EmbeddedRedisServer.startOn(port, "requirepass " + PASSWORD)) {
                    assertThat(changed.url()).isEqualTo(own.url());
                    eventually(
                            "the wrong setting is logged",
                            () -> !succeeds(cache.get(KEY)) && log.lines("WARN").size() == 2);
                    assertThat(log.lines("WARN").get(1)).contains("NOAUTH").contains("no retry will cure");
                    assertThat(failure(cache.get(KEY)).isTransient()).isFalse();
                }
            }
        });
        own.close();
    }

    /** As a service has them: a cache and single-flight, over one client. */
    @Test
    void logsOneIncidentForAllProductsOfClient() {
        EmbeddedRedisServer own = EmbeddedRedisServer.start();
        with(RedisURI.create(own.url()), client -> {
            FlightStore flights = Redis.patientStore(client);
            try (UsageCache cache = open(client)) {
                assertThat(succeeds(cache.get(KEY))).isTrue();
                own.kill();
                for (int calls = 0; calls < 5; calls++) {
                    failure(cache.get(KEY));
                    failure(flights.release(KEY, "token"));
                }
                own.restart();
                eventually("both recover", () -> succeeds(cache.get(KEY)) && succeeds(flights.release(KEY, "token")));
            } finally {
                flights.close();
            }
        });
        own.close();
        assertThat(log.lines("WARN")).singleElement().asString().contains("Redis is unavailable");
        assertThat(log.lines("INFO")).singleElement().asString().contains("Redis answers again");
    }

    @Test
    void refusesClientWithoutAddress() {
        RedisClient client = RedisClient.create();
        List<Function<RedisUsage.Builder, AutoCloseable>> products = List.of(
                RedisUsage.Builder::build, RedisUsage.Builder::buildNearCache, RedisUsage.Builder::buildSingleFlight);
        products.forEach(product -> assertThatIllegalArgumentException()
                .isThrownBy(() -> product.apply(RedisUsage.builder(client).connectTimeout(Duration.ofSeconds(20))))
                .withMessageContaining("client has no address")
                .withMessageContaining("RedisClient.create(RedisURI)"));
        client.shutdown();
        assertThat(log.lines("WARN")).isEmpty();
        eventually(
                "no thread is left", () -> RedisOutageFixture.connectThreads().isEmpty());
    }

    /** Each answer takes longer than a command may, and the start less than connectTimeout. */
    @Test
    void logsNoOutageWhenStartIsSlow() {
        try (FaultyProxy proxy = FaultyProxy.to("127.0.0.1", port)) {
            RedisURI uri = uri().withPort(proxy.port())
                    .withPassword(PASSWORD.toCharArray())
                    .build();
            with(uri, client -> {
                RedisUsage.Builder builder = RedisUsage.builder(client)
                        .connectTimeout(Duration.ofSeconds(20))
                        .heartbeat(Duration.ofSeconds(5));
                try (UsageCache cache = slowly(proxy, builder::build);
                        UsageCache near = slowly(proxy, builder::buildNearCache);
                        SingleFlight flights = slowly(proxy, builder::buildSingleFlight)) {
                    assertThat(flights).isNotNull();
                    assertThat(succeeds(cache.get(KEY))).isTrue();
                    assertThat(succeeds(near.get(KEY))).isTrue();
                    assertThat(log.lines("WARN")).isEmpty();
                    assertThat(log.lines("INFO")).isEmpty();
                }
            });
        }
    }

    private static <T> T slowly(FaultyProxy proxy, Supplier<T> start) {
        proxy.slow(RedisUsage.DEFAULT_COMMAND_TIMEOUT.plusMillis(100));
        try {
            return start.get();
        } finally {
            proxy.pass();
        }
    }
}
