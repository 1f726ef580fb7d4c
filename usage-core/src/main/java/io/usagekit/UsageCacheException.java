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

    /** With the reason and, where there is one, the cause. */
    public UsageCacheException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
