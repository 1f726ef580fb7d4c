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
 * Races of a load with a change by another process. In a share of the rounds the figure read is held back until the invalidation
 * message of the change has arrived: the order that leaves a stale figure in a cache without tokens.
 */
class NearCacheRaceIT extends NearCacheFixture {

    private static final int ROUNDS = Boolean.getBoolean("usagekit.thorough") ? 1_000 : 300;
    private static final int PROBE = 2;

    /** Store that can hold back the figure of a load before it is stored. */
    private static class Gate extends NearStore {
        private final UsageKey key;
        private volatile @Nullable CountDownLatch read;
        private volatile @Nullable Runnable held;

        Gate(ConcurrentMap<UsageKey, Slot> slots, UsageKey key) {
            super(slots);
            this.key = key;
        }

        /** Holds back the next figure; returns a latch that opens once it has been read. */
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

    /** Negative control: stores figures without checking the token. */
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
    void leavesNoStaleFigureInAnyRound() throws Exception {
        assertThat(staleAfterRounds(new Gate(new ConcurrentHashMap<>(), key(1)), ROUNDS))
                .isZero();
    }

    /** Negative control: the same rounds find stale figures when the token isn't checked. */
    @Test
    void findsStaleFiguresWithoutToken() throws Exception {
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
                gate.remove(key(1)); // a stale figure would stay
                assertThat(get(cache, 1)).as("seed %d: figure in Redis", seed).contains(expected);
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
                        .as("a figure was read")
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

    /** Waits until earlier invalidation messages are handled, by a read on the same connection; then stores the figure held back. */
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
