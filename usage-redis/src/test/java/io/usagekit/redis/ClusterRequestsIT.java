package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.succeeds;
import static io.usagekit.redis.RedisOutageFixture.TIME_TO_LIVE;
import static io.usagekit.redis.RedisOutageFixture.figure;
import static io.usagekit.redis.RedisOutageFixture.key;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.KillArgs;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.SlotHash;
import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.Freshness;
import io.usagekit.UsageCache;
import io.usagekit.UsageService;
import io.usagekit.servers.RedisCluster;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * How many commands the masters of a cluster receive for a figure that is missing, and that the organisation's index, in another hash slot,
 * has its period all the same.
 */
class ClusterRequestsIT {

    private static final RedisKeys KEYS = new RedisKeys("usage");
    private static final Duration LEASE = Duration.ofSeconds(30);

    private RedisClusterClient client;
    private FlightStore store;
    private UsageCache cache;

    @BeforeEach
    void start() {
        SharedCluster.empty();
        client = SharedCluster.client();
        store = SharedCluster.patience(client).settings().openFlightStore();
        cache = SharedCluster.patience(client).build();
    }

    @AfterEach
    void stop() {
        cache.close();
        store.close();
        client.shutdown();
    }

    private long acquire(int i) {
        LeaseRequest request = new LeaseRequest("token", LEASE, Duration.ZERO, OptionalLong.empty());
        return ((Acquisition.Acquired) await(store.acquire(key(i), request))).fence();
    }

    private CompletionStage<Publication> publish(int i, long fence, Duration timeToLive) {
        return store.publish(key(i), "token", fence, new AgedUsage(figure(i), Duration.ZERO), timeToLive);
    }

    /** Now the store knows how long a figure lives. */
    private void publishFirst() {
        assertStored(publish(0, acquire(0), TIME_TO_LIVE));
    }

    private static void assertStored(CompletionStage<Publication> publication) {
        assertThat(await(publication)).isEqualTo(new Publication.Stored());
    }

    private void assertInvalidatedWithItsOrganisation(int i) {
        assertThat(await(cache.get(key(i)))).isPresent();
        eventually("the organisation is invalidated", () -> succeeds(store.invalidate(key(i).organisationId())));
        assertThat(await(cache.get(key(i)))).isEmpty();
    }

    private static int masterOfIndex(int i) {
        return RedisCluster.masterOf(SlotHash.getSlot(KEYS.index(key(i).organisationId())));
    }

    @Test
    void missTakesFiveRequests() {
        List<CommandMonitor> monitors = IntStream.range(0, RedisCluster.MASTERS)
                .mapToObj(master -> new CommandMonitor(SharedCluster.master(master), SharedCluster.url(master)))
                .toList();
        RedisUsage.Builder redis = SharedCluster.patience(client).heartbeat(Duration.ofSeconds(60));
        try (UsageService service = UsageService.builder((key, timeout) ->
                        figure(Integer.parseInt(key.organisationId().substring("org-".length()))))
                .cache(redis.build())
                .singleFlight(redis.lease(Duration.ofSeconds(60)).buildSingleFlight())
                .computationTimeout(Duration.ofSeconds(60))
                .build()) {
            for (int i = 0; i < 60; i++) {
                if (i == 50) {
                    sent(monitors); // by now the process knows each master's clock, and each master the scripts
                }
                assertThat(service.get(key(i).organisationId(), key(i).period()).freshness())
                        .isEqualTo(Freshness.FRESH);
                if (i >= 50) {
                    // One write, the lease, the index, that again and the publication.
                    assertThat(sent(monitors))
                            .containsExactlyInAnyOrder(
                                    "PTTL", "GET", "PTTL", "EVALSHA", "EVALSHA", "EVALSHA", "EVALSHA");
                }
            }
        } finally {
            monitors.forEach(CommandMonitor::close);
        }
    }

    private static List<String> sent(List<CommandMonitor> monitors) {
        return monitors.stream().flatMap(monitor -> monitor.sent().stream()).toList();
    }

    @Test
    void indexesAFigureForItsOwnLife() {
        publishFirst();
        assertStored(publish(1, acquire(1), Duration.ofDays(2)));
        SharedCluster.elapse(Duration.ofDays(1));
        assertInvalidatedWithItsOrganisation(1);
    }

    /** As after a failover that loses what the replica hasn't received, and as a node does that starts empty. */
    @Test
    void indexesAFigureAgainWhereItsMasterHasLostTheLoad() {
        publishFirst();
        int figure = IntStream.iterate(1, i -> i + 1)
                .filter(i -> masterOfIndex(i) != ClusterFixture.masterOf(i))
                .findFirst()
                .orElseThrow();
        long fence = acquire(figure);
        SharedCluster.with(masterOfIndex(figure), redis -> {
            redis.del(KEYS.index(key(figure).organisationId()));
            redis.clientKill(KillArgs.Builder.typeNormal());
        });
        // Answered on another connection, or failed: either way that one isn't used any more.
        var unused = succeeds(store.invalidate(key(figure).organisationId()));
        eventually("the figure is stored", () -> succeeds(publish(figure, fence, TIME_TO_LIVE)));
        assertInvalidatedWithItsOrganisation(figure);
    }
}
