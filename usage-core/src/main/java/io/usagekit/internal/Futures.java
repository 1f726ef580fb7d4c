package io.usagekit.internal;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageInterruptedException;
import io.usagekit.internal.flight.Causes;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Composes futures and waits for them. */
final class Futures {

    private Futures() {}

    /** Returns the supplied stage as a future; failed where the supplier throws. */
    static <T> CompletableFuture<T> of(Supplier<CompletionStage<T>> stage) {
        try {
            return stage.get().toCompletableFuture();
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /** Moves functions that callers attach off the completing thread, which is a driver's, a timer's or a computation's. */
    static <T> CompletableFuture<T> offThisThread(CompletableFuture<T> future) {
        return future.isDone() ? future : future.whenCompleteAsync((value, error) -> {});
    }

    /** Composes with the result or the error, the latter without its wrappers. */
    @SuppressWarnings("FutureReturnValueIgnored") // the inner one is what is returned
    static <T, R> CompletableFuture<R> compose(
            CompletableFuture<T> future,
            BiFunction<? super @Nullable T, ? super @Nullable Throwable, CompletableFuture<R>> next) {
        return future.handle((value, error) -> next.apply(value, error == null ? null : Causes.unwrap(error)))
                .thenCompose(answer -> answer);
    }

    /**
     * Waits for the value.
     *
     * @throws UsageException what it failed with, or, if that isn't one, a {@link UsageCalculationException} around it
     * @throws UsageInterruptedException if this thread is interrupted, which then stays marked as such
     */
    static <T> T await(CompletableFuture<T> future) {
        try {
            return future.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new UsageInterruptedException("interrupted while waiting for the usage figure", e);
        } catch (ExecutionException e) {
            Throwable cause = Causes.unwrap(e);
            if (cause instanceof UsageException known) {
                throw known;
            }
            throw new UsageCalculationException("the usage figure can't be computed: " + cause, cause);
        }
    }
}
