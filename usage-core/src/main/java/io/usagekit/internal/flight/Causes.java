package io.usagekit.internal.flight;

import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** Finds what a stage failed with behind the wrappers of futures. */
public final class Causes {

    private Causes() {}

    /** The first cause that is neither a {@link CompletionException} nor an {@link ExecutionException}. */
    public static Throwable unwrap(Throwable error) {
        Throwable cause = error;
        while ((cause instanceof CompletionException || cause instanceof ExecutionException)
                && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause;
    }
}
