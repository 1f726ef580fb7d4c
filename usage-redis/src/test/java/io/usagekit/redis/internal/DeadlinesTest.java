package io.usagekit.redis.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class DeadlinesTest {

    private static final Duration LONG = Duration.ofMinutes(1);
    private static final Duration SHORT = Duration.ofMillis(20);

    private final AtomicInteger timersSet = new AtomicInteger();
    private final ScheduledThreadPoolExecutor timers = new ScheduledThreadPoolExecutor(2) {
        @Override
        public ScheduledFuture<?> schedule(Runnable action, long delay, TimeUnit unit) {
            timersSet.incrementAndGet();
            return super.schedule(action, delay, unit);
        }
    };

    @AfterEach
    void stop() {
        timers.shutdownNow();
    }

    private Deadlines deadlines(Duration time) {
        return new Deadlines(new Timeouts(timers), time);
    }

    private static List<CompletableFuture<Object>> futures(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> new CompletableFuture<>())
                .toList();
    }

    private static void eventually(BooleanSupplier condition) {
        long deadline = System.nanoTime() + LONG.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - deadline)
                    .as("nanoseconds past the bound")
                    .isNegative();
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
        }
    }

    private static void assertTimedOut(CompletableFuture<?> future) {
        assertThatThrownBy(() ->
                        future.orTimeout(LONG.toSeconds(), TimeUnit.SECONDS).join())
                .hasRootCauseInstanceOf(TimeoutException.class)
                .hasRootCauseMessage("not completed within " + SHORT);
    }

    @Test
    void oneTimerServesManyFutures() {
        Deadlines deadlines = deadlines(LONG);
        futures(100).forEach(deadlines::add);
        assertThat(timersSet).hasValue(1);
    }

    @Test
    void failsEachFutureThatDoesNotCompleteInTime() {
        Deadlines deadlines = deadlines(SHORT);
        List<CompletableFuture<Object>> futures = futures(10);
        futures.forEach(deadlines::add);
        futures.get(3).complete("in time");

        futures.forEach(future -> {
            if (future != futures.get(3)) {
                assertTimedOut(future);
            }
        });
        assertThat(futures.get(3).join()).isEqualTo("in time");
    }

    @Test
    void setsAnotherTimerForFuturesThatAreAddedAfterAPause() {
        Deadlines deadlines = deadlines(SHORT);
        for (int i = 0; i < 3; i++) {
            CompletableFuture<Object> future = new CompletableFuture<>();
            deadlines.add(future);
            assertTimedOut(future);
            eventually(() -> timers.getQueue().isEmpty() && timers.getActiveCount() == 0);
        }
    }

    @Test
    void failsFuturesThatAreAddedWhileATimerGoesOff() {
        Deadlines deadlines = deadlines(SHORT);
        List<CompletableFuture<Object>> futures = futures(200);
        futures.forEach(future -> {
            deadlines.add(future);
            LockSupport.parkNanos(SHORT.toNanos() / 40);
        });
        futures.forEach(DeadlinesTest::assertTimedOut);
    }

    @Test
    void whatBlocksAfterATimeoutHoldsUpNoOtherDeadline() {
        Deadlines deadlines = deadlines(SHORT);
        CountDownLatch blocked = new CountDownLatch(1);
        CompletableFuture<Object> first = new CompletableFuture<>();
        var unused = first.whenComplete((value, error) -> awaitQuietly(blocked));
        deadlines.add(first);
        eventually(first::isDone);

        CompletableFuture<Object> second = new CompletableFuture<>();
        deadlines.add(second);
        assertTimedOut(second);
        blocked.countDown();
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void replacesATimerWhoseThreadIsBlockedByOneThatIsDueAtOnce() {
        List<Long> delays = new CopyOnWriteArrayList<>();
        ScheduledThreadPoolExecutor losing = new ScheduledThreadPoolExecutor(1) {
            @Override
            public ScheduledFuture<?> schedule(Runnable action, long delay, TimeUnit unit) {
                delays.add(delay);
                boolean isLost = delays.size() == 1;
                return super.schedule(isLost ? () -> {} : action, delay, unit);
            }
        };
        try {
            Deadlines deadlines = new Deadlines(new Timeouts(losing), SHORT);
            CompletableFuture<Object> first = new CompletableFuture<>();
            deadlines.add(first);
            eventually(() -> {
                deadlines.add(new CompletableFuture<>());
                return first.isDone();
            });
            assertTimedOut(first);
            assertThat(delays.get(1))
                    .as("delay of the timer for what is overdue")
                    .isZero();
        } finally {
            losing.shutdownNow();
        }
    }

    @Test
    void failsAtOnceWhenTheClientIsShutDown() {
        timers.shutdownNow();
        CompletableFuture<Object> future = new CompletableFuture<>();
        deadlines(LONG).add(future);
        assertThat(future).isCompletedExceptionally();
    }

    @Test
    void failsAtOnceWhenTheClientIsShutDownWhileATimerIsSet() {
        Deadlines deadlines = deadlines(LONG);
        List<CompletableFuture<Object>> futures = futures(2);
        deadlines.add(futures.get(0));
        timers.shutdownNow();
        deadlines.add(futures.get(1));
        assertThat(futures).allMatch(CompletableFuture::isCompletedExceptionally);
    }

    @Test
    void removesFuturesThatHaveCompleted() {
        Deadlines deadlines = deadlines(LONG);
        List<CompletableFuture<Object>> futures = futures(3);
        futures.forEach(deadlines::add);

        futures.get(1).complete("");
        deadlines.removeCompleted();
        assertThat(deadlines.size()).isEqualTo(3);
        futures.get(0).complete("");
        deadlines.removeCompleted();
        assertThat(deadlines.size()).isEqualTo(1);
    }
}
