package io.usagekit;

import org.jspecify.annotations.Nullable;

/**
 * The cache can't be reached or refuses. {@link UsageService#invalidate} alone throws it; elsewhere the service goes on
 * without the cache and reports it to the listener.
 *
 * @since 0.1
 */
public final class UsageCacheException extends UsageException {

    private static final long serialVersionUID = 1L;

    /** With the reason and, where there is one, the cause; {@linkplain #isTransient() transient} unless its cause says otherwise. */
    public UsageCacheException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    private UsageCacheException(String message, @Nullable Throwable cause, boolean permanent) {
        super(message, cause, permanent);
    }

    /** Returns one that isn't {@linkplain #isTransient() transient}: no retry cures it until somebody corrects a setting. */
    public static UsageCacheException permanent(String message, @Nullable Throwable cause) {
        return new UsageCacheException(message, cause, true);
    }
}
