package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.RedisOutageFixture.TIME_TO_LIVE;
import static io.usagekit.redis.RedisOutageFixture.figure;
import static io.usagekit.redis.RedisOutageFixture.key;
import static io.usagekit.redis.RedisOutageFixture.put;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.UsageCache;
import io.usagekit.servers.EmbeddedRedisServer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A cluster of one node and a client of one server: the node has all keys, but refuses commands on keys of different hash slots. */
class SingleNodeClusterIT {

    private static final Duration LEASE = Duration.ofSeconds(30);

    @TempDir
    private Path directory = Path.of("");

    private EmbeddedRedisServer server;
    private RedisClient client;
    private CapturedLog log;

    @BeforeEach
    void start() {
        server = EmbeddedRedisServer.start("cluster-enabled yes", "dir " + directory);
        client = RedisClient.create(server.url());
        Redis.with(client, redis -> {
            for (int from = 0; from < 16_384; from += 1_024) {
                redis.clusterAddSlots(IntStream.range(from, from + 1_024).toArray());
            }
            eventually("the slots are served", () -> redis.clusterInfo().contains("cluster_state:ok"));
        });
        log = new CapturedLog();
    }

    @AfterEach
    void stop() {
        log.close();
        client.shutdown();
        server.close();
    }

    @Test
    void coordinatesAndInvalidatesBySeveralScripts() {
        try (FlightStore store = Redis.patientStore(client);
                UsageCache cache = Redis.patient(client)) {
            for (int i = 0; i < 3; i++) {
                Acquisition acquired = await(
                        store.acquire(key(i), new LeaseRequest("token", LEASE, Duration.ZERO, OptionalLong.empty())));
                assertThat(acquired).isInstanceOf(Acquisition.Acquired.class);
                assertThat(await(store.renew(key(i), "token", LEASE))).isTrue();
                long fence = ((Acquisition.Acquired) acquired).fence();
                AgedUsage figure = new AgedUsage(figure(i), Duration.ZERO);
                assertThat(await(store.publish(key(i), "token", fence, figure, TIME_TO_LIVE)))
                        .isEqualTo(new Publication.Stored());
                await(store.invalidate(key(i).organisationId()));
                assertThat(await(cache.get(key(i)))).isEmpty();
            }
        }
        assertThat(log.lines("WARN")).isEmpty();
    }

    @Test
    void readsSeveralFiguresByCommandsOfTheirOwn() {
        try (UsageCache cache = Redis.patient(client)) {
            await(put(cache, 1));
            await(put(cache, 2));
            for (int i = 0; i < 3; i++) {
                List<Optional<AgedUsage>> found = cache.getAll(List.of(key(1), key(2), key(3))).values().stream()
                        .map(Redis::await)
                        .toList();
                assertThat(found)
                        .extracting(figure -> figure.map(AgedUsage::usage))
                        .containsExactly(Optional.of(figure(1)), Optional.of(figure(2)), Optional.empty());
            }
        }
        assertThat(log.lines("WARN")).isEmpty();
    }
}
