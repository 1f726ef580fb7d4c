package io.usagekit;

import org.jspecify.annotations.Nullable;

/**
 * The root of what this library throws at run time; bad arguments are {@link IllegalArgumentException}. No driver's own
 * exception type escapes an adapter other than as a cause.
 *
 * @since 0.1
 */
public abstract class UsageException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** For the leaves. */
    protected UsageException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
