package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * A load that races a change by another process. In a share of the rounds what was read is held up until the news of the
 * change has come, which is the order that leaves a stale figure where nobody minds.
 */
class NearCacheRaceIT extends NearCacheFixture {

    private static final int ROUNDS = 1_000;
    private static final int PROBE = 2;

    /** Holds what has been read at a gate before it is kept. */
    private static class Gate extends NearStore {
        private final UsageKey key;
        private volatile @Nullable CountDownLatch read;
        private volatile @Nullable Runnable held;

        Gate(ConcurrentMap<UsageKey, Slot> slots, UsageKey key) {
            super(slots);
            this.key = key;
        }

        /** The next that is read is held; returns what tells when it has been read. */
        CountDownLatch close() {
            CountDownLatch latch = new CountDownLatch(1);
            read = latch;
            return latch;
        }

        void open() {
            Runnable late = held;
            held = null;
            if (late != null) {
                late.run();
            }
        }

        @Override
        final void complete(Pending load, NearEntry figure) {
            CountDownLatch latch = read;
            if (latch == null || !load.key().equals(key)) {
                completeAsRead(load, figure);
                return;
            }
            held = () -> completeAsRead(load, figure);
            read = null;
            latch.countDown();
        }

        void completeAsRead(Pending load, NearEntry figure) {
            super.complete(load, figure);
        }
    }

    /** What a cache does that minds no news. */
    private static final class NaiveGate extends Gate {
        NaiveGate(ConcurrentMap<UsageKey, Slot> slots, UsageKey key) {
            super(slots, key);
        }

        @Override
        void completeAsRead(Pending load, NearEntry figure) {
            put(load.key(), figure);
        }
    }

    @Test
    void noRoundLeavesAStaleFigure() throws Exception {
        assertThat(staleAfterRounds(new Gate(new ConcurrentHashMap<>(), key(1)), ROUNDS))
                .isZero();
    }

    /** The same rounds find them where the token isn't asked for: so they would be found above. */
    @Test
    void withoutTheTokenTheyWouldBe() throws Exception {
        assertThat(staleAfterRounds(new NaiveGate(new ConcurrentHashMap<>(), key(1)), 100))
                .isPositive();
    }

    private int staleAfterRounds(Gate gate, int rounds) throws Exception {
        long seed = new Random().nextLong();
        System.out.println("NearCacheRaceIT seed " + seed);
        Random random = new Random(seed);
        int stale = 0;
        write(other, PROBE, 1);
        try (UsageCache cache = openNear(client, gate, HEARTBEAT, TrackingSupervisor.RETRY)) {
            for (long version = 2; version < 2 + 2L * rounds; version += 2) {
                write(other, 1, version);
                settle(gate, cache);
                boolean held = random.nextInt(4) == 0;
                race(gate, cache, version + 1, held, random.nextInt(200));
                settle(gate, cache);
                long expected = version + 1;
                stale += near(cache, 1).filter(found -> found != expected).isPresent() ? 1 : 0;
                gate.remove(key(1)); // what is stale would stay for ever
                assertThat(get(cache, 1)).as("seed %d: what Redis has", seed).contains(expected);
            }
        }
        return stale;
    }

    private void race(Gate gate, UsageCache cache, long next, boolean held, int headStart) throws Exception {
        CountDownLatch read = held ? gate.close() : new CountDownLatch(0);
        CompletableFuture<Void> written = new CompletableFuture<>();
        Thread writer = new Thread(() -> {
            try {
                assertThat(read.await(30, TimeUnit.SECONDS))
                        .as("something was read")
                        .isTrue();
                spin(headStart);
                write(other, 1, next);
                written.complete(null);
            } catch (Throwable e) {
                written.completeExceptionally(e);
            }
        });
        writer.start();
        CompletionStage<?> reading = cache.get(key(1));
        await(written);
        await(reading);
    }

    /** What was told before a read that is answered on the same connection has been dealt with; then what was held comes. */
    private static void settle(Gate gate, UsageCache cache) {
        cache.putFallback(key(PROBE), version(PROBE, 0), TIME_TO_LIVE);
        get(cache, PROBE);
        gate.open();
    }

    private static void spin(int microseconds) {
        long began = System.nanoTime();
        while (System.nanoTime() - began < microseconds * 1_000L) {
            Thread.onSpinWait();
        }
    }
}
