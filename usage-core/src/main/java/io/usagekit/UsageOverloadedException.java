package io.usagekit;

import org.jspecify.annotations.Nullable;

/**
 * The computation was refused before it began, since the queue is full. Trying again later is safe.
 *
 * @since 0.1
 */
public final class UsageOverloadedException extends UsageException {

    private static final long serialVersionUID = 1L;

    /** With the reason and, where there is one, the cause. */
    public UsageOverloadedException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
