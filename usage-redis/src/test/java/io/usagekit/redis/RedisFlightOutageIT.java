package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.Redis.failure;
import static io.usagekit.redis.Redis.succeeds;
import static io.usagekit.redis.Redis.took;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.KillArgs;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.sync.RedisCommands;
import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.FlightStore.Registration;
import io.usagekit.UsageCache;
import io.usagekit.redis.internal.ConnectionAttempt;
import io.usagekit.redis.internal.OneServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Flight store whose server is killed, hangs or refuses commands during loads. */
class RedisFlightOutageIT extends RedisOutageFixture {

    private static final Duration LEASE = Duration.ofSeconds(30);
    private static final LeaseRequest REQUEST = request("token");

    @Test
    void failsInTimeAndRejectsOldFencesWhenServerRestarts() {
        try (FlightStore store = openStore()) {
            long old = granted(store, "token");

            server.kill();
            assertThat(took(() -> everyCall(store).forEach(Redis::failure))).isLessThan(SLACK);
            server.restart();

            eventually("calls succeed", () -> succeeds(store.renew(key(1), "token", LEASE)));
            assertThat(publish(store, "token", old)).isEqualTo(new Publication.Invalidated());
            long next = granted(store, "next");
            assertThat(next).isGreaterThan(old);
            assertThat(publish(store, "token", old)).isEqualTo(new Publication.LeaseLost(next));
            assertThat(publish(store, "next", next)).isEqualTo(new Publication.Stored());
        }
        assertOneIncident();
    }

    @Test
    void endsCallsInTimeAndSendsNothingLateWhenServerHangs() {
        try (FlightStore store = openStore()) {
            granted(store, "token");
            try (StoppedServer stopped = StoppedServer.of(client)) {
                assertThat(took(() -> everyCall(store).forEach(Redis::failure)))
                        .isLessThan(COMMAND_TIMEOUT.plus(SLACK));
                for (CompletionStage<?> call : everyCall(store)) {
                    assertThat(call.toCompletableFuture())
                            .as("it waits for nothing")
                            .isCompletedExceptionally();
                    failure(call);
                }
                stopped.resume();
                eventually("calls succeed", () -> succeeds(store.renew(key(1), "token", LEASE)));
            }
        }
        assertOneIncident();
    }

    /** A request that waited in the server is executed after the hang, when no load knows of it. */
    @Test
    void leavesNoLeaseBehindWhenServerHangs() {
        try (FlightStore store = openStore()) {
            granted(store, "token");
            await(store.release(key(1), "token"));
            try (StoppedServer stopped = StoppedServer.of(client)) {
                failure(store.acquire(key(1), request("late")));
                stopped.resume();
                eventually("what was sent before is executed", () -> succeeds(store.renew(key(1), "token", LEASE)));
            }
            granted(store, "another");
        }
        assertOneIncident();
    }

    @Test
    void failsAtOnceAndRecoversWithWakeUpsWhenServerStartsLater() {
        server.kill();
        try (FlightStore store = openStore()) {
            AtomicInteger woken = new AtomicInteger();
            everyCall(store).forEach(Redis::failure);
            try (Registration waits = store.onWakeUp(key(1), woken::incrementAndGet)) {
                server.restart();
                eventually("calls succeed", () -> succeeds(store.acquire(key(1), REQUEST)));
                eventually("wake-ups are received", () -> {
                    await(store.acquire(key(1), request("another")));
                    return subscribers() == 1;
                });
                eventually("the action registered during the outage runs", () -> woken.get() > 0);
                assertThat(waits).isNotNull();
            }
        }
        assertOneIncident();
    }

    @Test
    void waitsForBothConnectionsTogetherWhenServerHangs() {
        try (StoppedServer stopped = StoppedServer.of(client)) {
            Duration connectTimeout = Duration.ofMillis(400);
            FlightStore[] store = new FlightStore[1];
            assertThat(took(() -> store[0] = RedisUsage.builder(client)
                            .connectTimeout(connectTimeout)
                            .settings()
                            .openFlightStore()))
                    .isBetween(connectTimeout, connectTimeout.plus(SLACK));
            stopped.resume();
            eventually("calls succeed", () -> succeeds(store[0].acquire(key(1), REQUEST)));
            store[0].close();
            eventually("the connections are closed", () -> connections() == 0);
        }
    }

    @Test
    void deletesButLeasesNothingWhenServerIsFull() {
        assertRefusalsAreLoggedOnce(
                redis -> redis.configSet("maxmemory", "1"),
                redis -> redis.configSet("maxmemory", "0"),
                "OOM",
                store -> {
                    await(store.invalidate(key(1)));
                    await(store.invalidate("org-1"));
                });
    }

    @Test
    void neitherDeletesNorLeasesWhenServerIsReadOnly() {
        assertRefusalsAreLoggedOnce(
                redis -> redis.replicaof("127.0.0.1", 1), RedisCommands::replicaofNoOne, "READONLY", store -> {
                    assertThat(failure(store.invalidate(key(1)))).hasMessageContaining("READONLY");
                    assertThat(failure(store.invalidate("org-1"))).hasMessageContaining("READONLY");
                });
    }

    private void assertRefusalsAreLoggedOnce(
            Consumer<RedisCommands<String, String>> begin,
            Consumer<RedisCommands<String, String>> end,
            String reason,
            Consumer<FlightStore> forgetting) {
        try (UsageCache cache = open();
                FlightStore store = openStore()) {
            putAndFind(cache, 2);
            long fence = granted(store, "token");
            Redis.with(client, begin);
            for (int times = 0; times < 5; times++) {
                assertThat(failure(store.acquire(key(3), REQUEST))).hasMessageContaining(reason);
                assertThat(await(store.acquire(key(2), found())))
                        .as("the stored figure is found")
                        .isInstanceOf(Acquisition.Found.class);
                assertThat(failure(store.publish(key(1), "token", fence, figure(), TIME_TO_LIVE)))
                        .hasMessageContaining(reason);
            }
            for (int times = 0; times < 5; times++) {
                forgetting.accept(store);
            }
            Redis.with(client, end);
            granted(store, "token");
            assertThat(log.lines("WARN"))
                    .doesNotHaveDuplicates()
                    .allSatisfy(line -> assertThat(line).contains(reason));
        }
    }

    private static LeaseRequest found() {
        return new LeaseRequest("token", LEASE, TIME_TO_LIVE, OptionalLong.empty());
    }

    @Test
    void storesTrueAgeOfDelayedPublication() {
        Duration delay = Duration.ofSeconds(1);
        try (UsageCache cache = builder().commandTimeout(Duration.ofMinutes(1)).build();
                FlightStore store = builder()
                        .commandTimeout(Duration.ofMinutes(1))
                        .settings()
                        .openFlightStore()) {
            long fence = granted(store, "token");
            assertThat(published(store, fence, TIME_TO_LIVE, delay)).isEqualTo(new Publication.Stored());
            Optional<AgedUsage> found = await(cache.get(key(1)));
            assertThat(found.orElseThrow().age()).isGreaterThan(delay.minusMillis(100));
        }
    }

    @Test
    void rejectsPublicationDelayedPastItsLife() {
        Duration life = Duration.ofMillis(500);
        try (UsageCache cache = builder().commandTimeout(Duration.ofMinutes(1)).build();
                FlightStore store = builder()
                        .commandTimeout(Duration.ofMinutes(1))
                        .settings()
                        .openFlightStore()) {
            long fence = granted(store, "token");
            assertThat(published(store, fence, life, life.multipliedBy(2))).isEqualTo(new Publication.Invalidated());
            assertThat(await(cache.get(key(1)))).isEmpty();
        }
    }

    /** Publishes a figure while the server is stopped, for this long at least. */
    private Publication published(FlightStore store, long fence, Duration timeToLive, Duration delay) {
        StoppedServer stopped = StoppedServer.of(client);
        try {
            CompletionStage<Publication> publication = store.publish(key(1), "token", fence, figure(), timeToLive);
            long sent = System.nanoTime();
            eventually("the delay is over", () -> System.nanoTime() - sent > delay.toNanos());
            stopped.resume();
            return await(publication);
        } finally {
            stopped.close();
        }
    }

    @Test
    void runsActionsAndReceivesWakeUpsAfterConnectionIsKilled() {
        RedisClient others = RedisClient.create(server.url());
        try (FlightStore store = openStore();
                FlightStore other = Redis.patientStore(others)) {
            AtomicInteger woken = new AtomicInteger();
            try (Registration waits = store.onWakeUp(key(1), woken::incrementAndGet)) {
                for (int times = 0; times < 3; times++) {
                    int before = woken.get();
                    Redis.with(client, redis -> redis.clientKill(KillArgs.Builder.typePubsub()));
                    eventually("registered actions run", () -> woken.get() > before);
                    eventually("both are subscribed", () -> subscribers() == 2);
                    int subscribed = woken.get();
                    granted(other, "token");
                    await(other.release(key(1), "token"));
                    eventually("wake-ups are received", () -> woken.get() > subscribed);
                }
                assertThat(waits).isNotNull();
            }
        } finally {
            others.shutdown();
        }
        assertThat(log.lines("WARN")).isEmpty();
    }

    @Test
    void receivesWakeUpsAfterServerRestarts() {
        try (FlightStore store = openStore()) {
            AtomicInteger woken = new AtomicInteger();
            try (Registration waits = store.onWakeUp(key(1), woken::incrementAndGet)) {
                server.kill();
                server.restart();
                eventually("registered actions run", () -> woken.get() > 0);
                eventually("calls succeed", () -> succeeds(store.renew(key(1), "token", LEASE)));
                eventually("the store is subscribed", () -> subscribers() == 1);
                int subscribed = woken.get();
                granted(store, "token");
                await(store.release(key(1), "token"));
                eventually("wake-ups are received", () -> woken.get() > subscribed);
                assertThat(waits).isNotNull();
            }
        }
    }

    @Test
    void removesEntryWhenLastRegistrationIsClosed() {
        ConnectionAttempt.Limits limits = ConnectionAttempt.Limits.of(client, Duration.ofSeconds(20));
        WakeUpSubscription wakeUps =
                new WakeUpSubscription(new OneServer(client, COMMAND_TIMEOUT, limits), new RedisKeys("usage"), limits);
        wakeUps.await(Duration.ofSeconds(20));
        List<Registration> registrations = new ArrayList<>();
        for (int i = 0; i < 1_000; i++) {
            registrations.add(wakeUps.register("entry-" + i % 10, () -> {}));
        }
        assertThat(wakeUps.size()).isEqualTo(10);
        registrations.forEach(Registration::close);
        registrations.forEach(Registration::close);
        assertThat(wakeUps.size()).isZero();
        wakeUps.close();
        eventually("the connection is closed", () -> connections() == 0);
    }

    @Test
    void runsOtherActionsWhenOneThrows() {
        try (FlightStore store = openStore()) {
            AtomicInteger woken = new AtomicInteger();
            Registration bad = store.onWakeUp(key(1), () -> {
                throw new IllegalStateException("broken");
            });
            try (Registration good = store.onWakeUp(key(1), woken::incrementAndGet)) {
                granted(store, "token");
                await(store.release(key(1), "token"));
                eventually("the other action runs", () -> woken.get() == 1);
                assertThat(good).isNotNull();
            }
            bad.close();
        }
        assertThat(log.lines("ERROR")).hasSize(1);
    }

    @Test
    void failsAndReleasesConnectionsOnceClosed() {
        FlightStore store = openStore();
        granted(store, "token");
        assertThat(connections()).as("one for commands, one for wake-ups").isEqualTo(2);
        store.close();
        store.close();
        eventually("the connections are closed", () -> connections() == 0);
        everyCall(store).forEach(Redis::failure);
        store.onWakeUp(key(1), () -> {}).close();
        assertThat(connections()).isZero();
        assertThat(log.lines("WARN")).isEmpty();
    }

    private FlightStore openStore() {
        return builder().commandTimeout(COMMAND_TIMEOUT).settings().openFlightStore();
    }

    private static List<CompletionStage<?>> everyCall(FlightStore store) {
        return List.of(
                store.acquire(key(1), REQUEST),
                store.renew(key(1), "token", LEASE),
                store.publish(key(1), "token", 1, figure(), TIME_TO_LIVE),
                store.release(key(1), "token"),
                store.fail(key(1), "token", "reason", LEASE),
                store.invalidate(key(1)),
                store.invalidate("org-1"));
    }

    private static LeaseRequest request(String token) {
        return new LeaseRequest(token, LEASE, Duration.ZERO, OptionalLong.empty());
    }

    private static long granted(FlightStore store, String token) {
        Acquisition acquisition = await(store.acquire(key(1), request(token)));
        assertThat(acquisition).isInstanceOf(Acquisition.Acquired.class);
        return ((Acquisition.Acquired) acquisition).fence();
    }

    private static Publication publish(FlightStore store, String token, long fence) {
        return await(store.publish(key(1), token, fence, figure(), TIME_TO_LIVE));
    }

    private static AgedUsage figure() {
        return new AgedUsage(figure(1), Duration.ZERO);
    }

    private long subscribers() {
        long[] count = new long[1];
        Redis.with(
                client, redis -> count[0] = redis.pubsubNumsub("usage:wakeups").getOrDefault("usage:wakeups", 0L));
        return count[0];
    }
}
