package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.servers.RedisServer;
import io.usagekit.testkit.contract.FlightStoreContract;
import java.time.Duration;
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
}
