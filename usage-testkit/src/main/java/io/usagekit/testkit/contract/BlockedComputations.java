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

/** Calculator that delegates to another one, and whose computations a test can block or make fail. */
final class BlockedComputations implements UsageCalculator {

    static final String MESSAGE = "no database in this test";

    /** Where a computation that starts now blocks. */
    private enum Block {
        BEFORE,
        AFTER,
        NOT
    }

    /** With what a computation fails that runs now. */
    private enum Failure {
        NONE,
        TRANSIENT,
        PERMANENT
    }

    private final UsageCalculator calculator;
    private final AtomicInteger started = new AtomicInteger();
    private final Semaphore notAwaited = new Semaphore(0);
    private volatile CountDownLatch gate = new CountDownLatch(0);
    private volatile Block block = Block.NOT;
    private volatile Failure failure = Failure.NONE;

    BlockedComputations(UsageCalculator calculator) {
        this.calculator = calculator;
    }

    @Override
    public Duration ageOf(OrganisationUsage figure) {
        return calculator.ageOf(figure);
    }

    @Override
    public String canonicalId(String organisationId) {
        return calculator.canonicalId(organisationId);
    }

    @Override
    public boolean knowsIds() {
        return calculator.knowsIds();
    }

    @Override
    public void learnIds(Duration timeout) {
        calculator.learnIds(timeout);
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        Block how = block;
        CountDownLatch latch = gate;
        started.incrementAndGet();
        if (how != Block.AFTER) {
            notAwaited.release();
        }
        if (how == Block.BEFORE) {
            await(latch);
        }
        if (failure != Failure.NONE) {
            throw failure == Failure.PERMANENT
                    ? UsageCalculationException.permanent(MESSAGE, null)
                    : new UsageCalculationException(MESSAGE, null);
        }
        OrganisationUsage usage = calculator.calculate(key, timeout);
        if (how == Block.AFTER) {
            notAwaited.release();
            await(latch);
        }
        return usage;
    }

    private static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(30, TimeUnit.SECONDS), "released in time");
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted while blocked", e);
        }
    }

    /** Makes computations that start from now on wait for {@link #release} before they read. */
    void block() {
        close();
        block = Block.BEFORE;
    }

    /** Makes computations that start from now on wait for {@link #release} after they have read. */
    void blockResult() {
        close();
        block = Block.AFTER;
    }

    /** One gate for all that wait at the same time, so that {@link #release} reaches each. */
    private void close() {
        if (gate.getCount() == 0) {
            gate = new CountDownLatch(1);
        }
    }

    /** Lets computations that start from now on run; blocked ones stay blocked. */
    void passOthers() {
        block = Block.NOT;
    }

    void release() {
        block = Block.NOT;
        gate.countDown();
    }

    void fail() {
        failure = Failure.TRANSIENT;
    }

    /** Fails with an error that no retry cures. */
    void failPermanently() {
        failure = Failure.PERMANENT;
    }

    void recover() {
        failure = Failure.NONE;
    }

    /** Waits until this many more computations have started, or have read if their result is blocked. */
    void awaitStarted(int computations) throws InterruptedException {
        assertTrue(
                notAwaited.tryAcquire(computations, 30, TimeUnit.SECONDS),
                () -> computations + " more computations started, but " + started + " have started in all");
    }

    /** Returns the number of computations started. */
    int started() {
        return started.get();
    }
}
