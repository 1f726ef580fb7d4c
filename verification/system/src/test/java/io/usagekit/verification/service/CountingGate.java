package io.usagekit.verification.service;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** Holds threads up until it is opened. */
final class CountingGate {

    private final Semaphore entered = new Semaphore(0);
    private final CountDownLatch open = new CountDownLatch(1);

    void pass() {
        entered.release();
        ServiceFixture.await(open);
    }

    /** Waits until one more has come. */
    void awaitEntered() throws InterruptedException {
        assertThat(entered.tryAcquire(30, TimeUnit.SECONDS))
                .as("one more has come to the gate")
                .isTrue();
    }

    void open() {
        open.countDown();
    }
}
