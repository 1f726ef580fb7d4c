package io.usagekit.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Calls on other threads, whose results a test awaits within a limit. */
final class Callers implements AutoCloseable {

    /** Far longer than any call takes; only a failing test waits that long. */
    private static final long LIMIT_SECONDS = 30;

    private final ExecutorService threads = Executors.newCachedThreadPool();

    /** Makes a call on a thread of its own. */
    <T> Future<T> call(Callable<T> call) {
        return threads.submit(call);
    }

    /** Makes the same call on many threads at once. */
    <T> List<Future<T>> callManyTimes(int times, Callable<T> call) {
        CountDownLatch start = new CountDownLatch(1);
        List<Future<T>> futures = new ArrayList<>();
        for (int i = 0; i < times; i++) {
            futures.add(call(() -> {
                await(start);
                return call.call();
            }));
        }
        start.countDown();
        return futures;
    }

    static <T> T resultOf(CompletionStage<T> stage) {
        return done(stage.toCompletableFuture());
    }

    /** Returns the result of a call that completes within the limit. */
    static <T> T done(Future<T> future) {
        try {
            return future.get(LIMIT_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new AssertionError("the call failed: " + e.getCause(), e.getCause());
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError("the call didn't end: " + e, e);
        }
    }

    /** Returns the exception of a call that fails within the limit. */
    static Throwable failureOf(CompletionStage<?> stage) {
        Throwable thrown = catchThrowable(() -> stage.toCompletableFuture().get(LIMIT_SECONDS, TimeUnit.SECONDS));
        assertThat(thrown).as("the outcome of the call").isInstanceOf(ExecutionException.class);
        return Objects.requireNonNull(thrown.getCause());
    }

    static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(LIMIT_SECONDS, TimeUnit.SECONDS))
                    .as("released in time")
                    .isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted while waiting", e);
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
