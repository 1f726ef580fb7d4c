package io.usagekit;

import org.jspecify.annotations.Nullable;

/**
 * The cache can't be reached, and the service is configured not to compute without it ({@link OutagePolicy#FAIL_CLOSED}).
 *
 * @since 0.1
 */
public final class UsageUnavailableException extends UsageException {

    private static final long serialVersionUID = 1L;

    /** With the reason and, where there is one, the cause. */
    public UsageUnavailableException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
