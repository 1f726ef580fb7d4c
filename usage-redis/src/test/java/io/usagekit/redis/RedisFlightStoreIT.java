package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.servers.RedisServer;
import io.usagekit.testkit.contract.FlightStoreContract;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

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
}
