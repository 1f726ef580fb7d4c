package io.usagekit.internal;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageInterruptedException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** Waiting, and telling causes from their wrappers. */
final class Futures {

    private Futures() {}

    /** What a stage really failed with. */
    static Throwable unwrap(Throwable error) {
        Throwable cause = error;
        while ((cause instanceof CompletionException || cause instanceof ExecutionException)
                && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause;
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
            Throwable cause = unwrap(e);
            if (cause instanceof UsageException known) {
                throw known;
            }
            throw new UsageCalculationException("the usage figure can't be computed: " + cause, cause);
        }
    }
}
