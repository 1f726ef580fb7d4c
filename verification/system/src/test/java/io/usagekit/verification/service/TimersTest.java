package io.usagekit.verification.service;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.usagekit.internal.flight.Timers;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Which threads are a timer's. */
class TimersTest {

    @Test
    void knowsItsOwnActionsOnly() throws Exception {
        try (Timers timers = new Timers()) {
            CompletableFuture<Boolean> inAction = new CompletableFuture<>();
            CompletableFuture<Boolean> elsewhere = new CompletableFuture<>();
            timers.after(Duration.ZERO, () -> {
                inAction.complete(Timers.isInAction());
                elsewhere.join();
            });
            assertThat(inAction.get(30, TimeUnit.SECONDS)).isTrue();
            elsewhere.complete(Timers.isInAction());
            assertThat(elsewhere.get()).isFalse();
        }
    }

    /**
     * It is asked for each event of a listener, by threads of which a host may have a new one for each request. Measured again while actions
     * of other services' timers run: then it has to look.
     */
    @Test
    void takesNoMemoryOfOtherThreads() throws Exception {
        assertThat(Timers.isInAction()).isFalse(); // and the class is loaded
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        long allocated = allocatedByNewThread();
        while (allocated != 0 && System.nanoTime() - deadline < 0) {
            allocated = allocatedByNewThread();
        }
        assertThat(allocated).isZero();
    }

    private static long allocatedByNewThread() throws Exception {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        CompletableFuture<Long> allocated = new CompletableFuture<>();
        new Thread(() -> {
                    long before = threads.getCurrentThreadAllocatedBytes();
                    boolean isInAction = Timers.isInAction();
                    long after = threads.getCurrentThreadAllocatedBytes();
                    allocated.complete(isInAction ? -1 : after - before);
                })
                .start();
        return allocated.get(30, TimeUnit.SECONDS);
    }
}
