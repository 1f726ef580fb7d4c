package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A calculator before another, whose computations a test can hold up and let fail. */
final class BlockedComputations implements UsageCalculator {

    static final String MESSAGE = "no database, says the test";

    /** What a computation that begins now does first, or last. */
    private enum Hold {
        BEFORE,
        AFTER,
        NOT
    }

    private final UsageCalculator calculator;
    private final AtomicInteger begun = new AtomicInteger();
    private final Semaphore notAwaited = new Semaphore(0);
    private volatile CountDownLatch gate = new CountDownLatch(0);
    private volatile Hold hold = Hold.NOT;
    private volatile boolean failing;

    BlockedComputations(UsageCalculator calculator) {
        this.calculator = calculator;
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        Hold how = hold;
        CountDownLatch latch = gate;
        begun.incrementAndGet();
        if (how != Hold.AFTER) {
            notAwaited.release();
        }
        if (how == Hold.BEFORE) {
            await(latch);
        }
        if (failing) {
            throw new UsageCalculationException(MESSAGE, null);
        }
        OrganisationUsage usage = calculator.calculate(key, timeout);
        if (how == Hold.AFTER) {
            notAwaited.release();
            await(latch);
        }
        return usage;
    }

    private static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(30, TimeUnit.SECONDS), "released in time");
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted while held up", e);
        }
    }

    /** Computations that begin from now on wait for {@link #release} before they read. */
    void hold() {
        gate = new CountDownLatch(1);
        hold = Hold.BEFORE;
    }

    /** Computations that begin from now on wait for {@link #release} after they have read. */
    void holdResult() {
        gate = new CountDownLatch(1);
        hold = Hold.AFTER;
    }

    /** Computations that begin from now on aren't held; those that are stay so. */
    void passOthers() {
        hold = Hold.NOT;
    }

    void release() {
        hold = Hold.NOT;
        gate.countDown();
    }

    void fail() {
        failing = true;
    }

    void recover() {
        failing = false;
    }

    /** Waits until this many computations have begun, or read if their result is held, that weren't awaited yet. */
    void awaitBegun(int computations) throws InterruptedException {
        assertTrue(
                notAwaited.tryAcquire(computations, 30, TimeUnit.SECONDS),
                () -> computations + " computations begin, but " + begun + " did in all");
    }

    /** How many have begun. */
    int begun() {
        return begun.get();
    }
}
