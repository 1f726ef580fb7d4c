package io.usagekit.verification.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** A cache before another, which holds chosen threads up between the reading and their hearing what was read. */
final class HeldCache extends ForwardingCache {

    private final Set<Thread> chosen = ConcurrentHashMap.newKeySet();
    private final Semaphore held = new Semaphore(0);
    private final CountDownLatch gate = new CountDownLatch(1);

    HeldCache(UsageCache cache) {
        super(cache);
    }

    void holdThisThread() {
        chosen.add(Thread.currentThread());
    }

    /** Waits until this many threads have read and are held. */
    void awaitHeld(int threads) throws InterruptedException {
        assertThat(held.tryAcquire(threads, 30, TimeUnit.SECONDS))
                .as("%d threads are held", threads)
                .isTrue();
    }

    void release() {
        gate.countDown();
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        CompletionStage<Optional<AgedUsage>> found = super.get(key);
        if (chosen.contains(Thread.currentThread())) {
            held.release();
            ServiceFixture.await(gate);
        }
        return found;
    }
}
