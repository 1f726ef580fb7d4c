package io.usagekit;

import org.jspecify.annotations.Nullable;

/**
 * The calling thread was interrupted while it waited. Its interrupt status is set; the computation goes on for the others.
 *
 * @since 0.1
 */
public final class UsageInterruptedException extends UsageException {

    private static final long serialVersionUID = 1L;

    /** With the reason and, where there is one, the cause. */
    public UsageInterruptedException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
