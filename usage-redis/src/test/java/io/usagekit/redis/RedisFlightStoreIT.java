package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.redis.internal.Link;
import io.usagekit.redis.internal.ScriptSupport;
import io.usagekit.servers.RedisServer;
import io.usagekit.testkit.contract.FlightStoreContract;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Runs the flight store contract on the server that the environment names, or on an embedded one. */
class RedisFlightStoreIT extends FlightStoreContract {

    private static RedisServer server;
    private static RedisClient client;
    private static RedisClient other;

    @BeforeAll
    static void start() {
        server = RedisServer.start();
        client = RedisClient.create(server.url());
        other = RedisClient.create(server.url());
    }

    @AfterAll
    static void stop() {
        client.shutdown();
        other.shutdown();
        server.close();
    }

    @Override
    protected FlightStore openStore() {
        return Redis.emptiedStore(client);
    }

    @Override
    protected FlightStore openSecondStore() {
        return Redis.patientStore(other);
    }

    @Override
    protected UsageCache openCache() {
        return Redis.patient(other);
    }

    @Override
    protected void elapse(Duration duration) {
        Redis.elapse(client, duration);
    }

    @Test
    void leavesInvalidationsToCachesOfItsClientAndPrefixOnly() {
        try (FlightStore store = openStore();
                UsageCache plain = Redis.patient(client);
                UsageCache near = Redis.patience(client).buildNearCache();
                UsageCache ofAnotherPrefix =
                        Redis.patience(client).keyPrefix("other").build();
                UsageCache ofAnotherClient = Redis.patient(other)) {
            assertThat(store.isInvalidatedBy(plain)).isTrue();
            assertThat(store.isInvalidatedBy(near)).isTrue();
            assertThat(store.isInvalidatedBy(ofAnotherPrefix)).isFalse();
            assertThat(store.isInvalidatedBy(ofAnotherClient))
                    .as("it may be of another server")
                    .isFalse();
        }
    }

    /** Its clock isn't known yet, or was set forward since it was. */
    @Test
    void answersWhatTimeItIsWhereARequestForALeaseIsLate() {
        Script acquire = Script.resource("state.lua", "acquire.lua");
        long past = System.currentTimeMillis() * 1_000 - 60_000_000;
        try (FlightStore store = openStore();
                StatefulRedisConnection<String, String> connection = client.connect()) {
            for (long until : new long[] {0, past}) {
                List<Object> answer = Redis.await(acquire.run(
                        Link.of(connection, new ScriptSupport(client, "Redis")),
                        List.of("entry", "lock", "fences"),
                        "token",
                        "30000",
                        "0",
                        "",
                        "600000",
                        Long.toString(until)));
                assertThat(answer.get(0)).isEqualTo("late");
                assertThat((Long) answer.get(1)).isGreaterThan(past);
                assertThat(connection.sync().keys("*")).isEmpty();
            }
            UsageKey key = new UsageKey("org-123", UsagePeriod.parse("2026-03"));
            LeaseRequest request =
                    new LeaseRequest("token", Duration.ofSeconds(30), Duration.ZERO, OptionalLong.empty());
            assertThat(Redis.await(store.acquire(key, request))).isInstanceOf(Acquisition.Acquired.class);
        }
    }
}
