package io.usagekit;

import io.usagekit.internal.Redaction;
import org.jspecify.annotations.Nullable;

/**
 * The root of what this library throws at run time; bad arguments are {@link IllegalArgumentException}. No driver's own
 * exception type escapes an adapter other than as a cause. A password in the text of a message (of a URL, or after
 * {@code password=}) is replaced by asterisks; the messages of causes are the drivers'.
 *
 * @since 0.1
 */
public abstract class UsageException extends RuntimeException {

    private static final long serialVersionUID = 2L;

    private final boolean permanent;

    /** For the leaves: as {@linkplain #isTransient() transient} as its cause if that is one of these, else transient. */
    protected UsageException(String message, @Nullable Throwable cause) {
        this(message, cause, cause instanceof UsageException known && !known.isTransient());
    }

    /** For the leaves that say which it is; hosts call their factories. */
    protected UsageException(String message, @Nullable Throwable cause, boolean permanent) {
        super(Redaction.redact(message), cause);
        this.permanent = permanent;
    }

    /**
     * Returns whether the same call may succeed later without anybody's doing: true for outages, timeouts and overload. False
     * where the error is one of settings or of the schema and lasts until somebody corrects it: a wrong password, a missing
     * database, schema, table or column, a missing privilege, a column of an unfit type. The service hides no such error behind a
     * figure older than {@code ttl}.
     */
    public final boolean isTransient() {
        return !permanent;
    }
}
