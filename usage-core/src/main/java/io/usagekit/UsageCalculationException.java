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

    /** With the reason and, where there is one, the cause; {@linkplain #isTransient() transient} unless its cause says otherwise. */
    public UsageCalculationException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    private UsageCalculationException(String message, @Nullable Throwable cause, boolean permanent) {
        super(message, cause, permanent);
    }

    /** Returns one that isn't {@linkplain #isTransient() transient}: no retry cures it until somebody corrects a setting. */
    public static UsageCalculationException permanent(String message, @Nullable Throwable cause) {
        return new UsageCalculationException(message, cause, true);
    }
}
