package io.usagekit;

import org.jspecify.annotations.Nullable;

/**
 * An operation on what an adapter stores failed: installing or removing schema objects, partitioning tables, deleting expired
 * rows, or building indexes. The message names the operation and the object; the cause says why it failed.
 *
 * @since 0.1
 */
public final class UsageStorageException extends UsageException {

    private static final long serialVersionUID = 1L;

    /** With the reason and, where there is one, the cause; {@linkplain #isTransient() transient} unless its cause says otherwise. */
    public UsageStorageException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    private UsageStorageException(String message, @Nullable Throwable cause, boolean permanent) {
        super(message, cause, permanent);
    }

    /** Returns one that isn't {@linkplain #isTransient() transient}: no retry cures it until somebody corrects a setting. */
    public static UsageStorageException permanent(String message, @Nullable Throwable cause) {
        return new UsageStorageException(message, cause, true);
    }
}
