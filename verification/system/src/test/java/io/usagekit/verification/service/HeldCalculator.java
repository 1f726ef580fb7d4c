package io.usagekit.verification.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A calculator before another, which holds computations up and ignores their timeouts while they are held. */
final class HeldCalculator implements UsageCalculator {

    private final UsageCalculator calculator;
    private final AtomicInteger running = new AtomicInteger();
    private final AtomicInteger mostAtOnce = new AtomicInteger();
    private final Semaphore entered = new Semaphore(0);
    private final List<Thread> threads = new CopyOnWriteArrayList<>();
    private final List<Duration> timeouts = new CopyOnWriteArrayList<>();
    private volatile CountDownLatch gate = new CountDownLatch(0);

    HeldCalculator(UsageCalculator calculator) {
        this.calculator = calculator;
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        CountDownLatch closed = gate;
        mostAtOnce.accumulateAndGet(running.incrementAndGet(), Math::max);
        try {
            timeouts.add(timeout);
            threads.add(Thread.currentThread());
            entered.release();
            ServiceFixture.await(closed);
            return calculator.calculate(key, timeout);
        } finally {
            running.decrementAndGet();
        }
    }

    /** Computations that begin from now on wait for {@link #release}. */
    void hold() {
        gate = new CountDownLatch(1);
    }

    void release() {
        gate.countDown();
    }

    /** Waits until this many computations have begun that weren't awaited yet. */
    void awaitBegun(int computations) throws InterruptedException {
        assertThat(entered.tryAcquire(computations, 30, TimeUnit.SECONDS))
                .as("%d computations begin", computations)
                .isTrue();
    }

    /** How many computations have begun. */
    int calls() {
        return threads.size();
    }

    int mostAtOnce() {
        return mostAtOnce.get();
    }

    /** The threads that computed, one for each computation. */
    List<Thread> threads() {
        return threads;
    }

    List<Duration> timeouts() {
        return timeouts;
    }
}
