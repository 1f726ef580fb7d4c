package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.testkit.FaultyProxy;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** The client's address leads to another master while the former one goes on as a replica, whose connections stay open. */
class RedisFailoverIT extends RedisOutageFixture {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final int KEYS = 8;

    private final AtomicInteger computations = new AtomicInteger();
    private final AtomicInteger organisations = new AtomicInteger();

    @Test
    void followsTheAddressToEachNewMaster() {
        try (EmbeddedRedisServer second = EmbeddedRedisServer.start();
                EmbeddedRedisServer third = EmbeddedRedisServer.start();
                FaultyProxy proxy = to(server)) {
            RedisClient own = RedisClient.create("redis://" + proxy.host() + ":" + proxy.port());
            RedisUsage.Builder redis = RedisUsage.builder(own)
                    .commandTimeout(COMMAND_TIMEOUT)
                    .connectTimeout(Duration.ofSeconds(20))
                    .heartbeat(Duration.ofMillis(100));
            try (UsageService service = UsageService.builder((key, timeout) -> {
                        computations.incrementAndGet();
                        return new OrganisationUsage(
                                key, UsageMetrics.ZERO, UsageMetrics.ZERO, Instant.parse("2026-03-17T01:28:00Z"));
                    })
                    .cache(redis.buildNearCache())
                    .singleFlight(redis.buildSingleFlight())
                    .build()) {
                assertStoresIn(server, service);

                fail(server, proxy, second);
                assertStoresIn(second, service);
                assertLeft(server, service);

                fail(second, proxy, third);
                assertStoresIn(third, service);
                assertLeft(second, service);
            } finally {
                own.shutdown();
            }
        }
    }

    private void fail(EmbeddedRedisServer former, FaultyProxy proxy, EmbeddedRedisServer next) {
        with(former, client -> Redis.with(client, redis -> redis.replicaof("127.0.0.1", 1)));
        URI address = URI.create(next.url());
        proxy.redirect(address.getHost(), address.getPort());
    }

    /** Asserts that figures of new organisations are computed and stored in this server, once each but for those that failed at first. */
    private void assertStoresIn(EmbeddedRedisServer master, UsageService service) {
        int first = organisations.getAndAdd(KEYS);
        int before = computations.get();
        for (int key = first; key < first + KEYS; key++) {
            String organisation = "org-" + key;
            eventually(
                    organisation + " is stored",
                    () -> service.get(organisation, MARCH).freshness() == Freshness.FRESH
                            && isIn(master, organisation));
        }
        assertThat(computations.get() - before).isBetween(KEYS, 2 * KEYS);
    }

    private static boolean isIn(EmbeddedRedisServer master, String organisation) {
        boolean[] found = new boolean[1];
        with(
                master,
                client -> Redis.with(
                        client, redis -> found[0] = redis.exists("usage:" + organisation + ":2026-03") == 1));
        return found[0];
    }

    /** Asserts that no connection is left on this server, also of those that only read, once each has been used. */
    private void assertLeft(EmbeddedRedisServer former, UsageService service) {
        eventually("no connection is left on the former master", () -> {
            String organisation = "org-" + organisations.getAndIncrement();
            service.get(organisation, MARCH);
            Redis.succeeds(service.invalidateAsync(organisation));
            long[] clients = new long[1];
            with(
                    former,
                    client -> Redis.with(
                            client,
                            redis -> clients[0] = redis.clientList()
                                    .lines()
                                    .filter(line -> !line.isBlank() && !line.contains("cmd=client"))
                                    .count()));
            return clients[0] == 0;
        });
    }

    private static void with(EmbeddedRedisServer server, Consumer<RedisClient> action) {
        RedisClient client = RedisClient.create(server.url());
        try {
            action.accept(client);
        } finally {
            client.shutdown();
        }
    }

    private static FaultyProxy to(EmbeddedRedisServer server) {
        URI address = URI.create(server.url());
        return FaultyProxy.to(address.getHost(), address.getPort());
    }
}
