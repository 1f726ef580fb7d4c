package io.usagekit.events;

import io.usagekit.UsageException;
import org.jspecify.annotations.Nullable;

/**
 * The ledger can't complete a call: the database is down, slow or refuses, or what is to be recorded refers to something
 * that isn't there, or has an id that is taken.
 *
 * @since 0.1
 */
public final class EventLedgerException extends UsageException {

    private static final long serialVersionUID = 1L;

    /** With the reason and, where there is one, the cause. */
    public EventLedgerException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    private EventLedgerException(String message, @Nullable Throwable cause, boolean permanent) {
        super(message, cause, permanent);
    }

    /** Returns one that isn't {@linkplain #isTransient() transient}: no retry cures it until somebody corrects a setting. */
    public static EventLedgerException permanent(String message, @Nullable Throwable cause) {
        return new EventLedgerException(message, cause, true);
    }
}
