package io.usagekit.redis;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lettuce.core.RedisClient;
import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.servers.Docker;
import io.usagekit.servers.RedisServer;
import io.usagekit.testkit.contract.FlightStoreContract;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Runs the flight store contract on the official image, if there is a Docker engine. */
class RedisFlightContainerIT extends FlightStoreContract {

    private static @Nullable RedisServer server;
    private static @Nullable RedisClient client;

    @BeforeAll
    static void start() {
        assumeTrue(Docker.isAvailable(), () -> Docker.announceSkipped(RedisFlightContainerIT.class));
        server = RedisServer.startContainer("redis:8");
        client = RedisClient.create(server.url());
    }

    @AfterAll
    static void stop() {
        if (client != null) {
            client.shutdown();
        }
        if (server != null) {
            server.close();
        }
    }

    @Override
    protected FlightStore openStore() {
        return Redis.emptiedStore(started());
    }

    @Override
    protected FlightStore openSecondStore() {
        return Redis.patientStore(started());
    }

    @Override
    protected UsageCache openCache() {
        return Redis.patient(started());
    }

    @Override
    protected void elapse(Duration duration) {
        Redis.elapse(started(), duration);
    }

    private static RedisClient started() {
        if (client == null) {
            throw new IllegalStateException("not started");
        }
        return client;
    }
}
