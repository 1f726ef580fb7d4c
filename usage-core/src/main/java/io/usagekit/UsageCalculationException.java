package io.usagekit;

import org.jspecify.annotations.Nullable;

/**
 * A figure couldn't be computed: the database is down, slow or refuses, or what it holds can't be summed. Operations on what is
 * stored (installing, partitioning, deleting, indexing) fail with {@link UsageStorageException} instead.
 *
 * @since 0.1
 */
public final class UsageCalculationException extends UsageException {

    private static final long serialVersionUID = 1L;

    /** With the reason and, where there is one, the cause. */
    public UsageCalculationException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
