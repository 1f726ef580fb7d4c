package io.usagekit.internal;

import io.usagekit.UsageException;

/** A refresh was dropped for want of a permit or a thread. Callers that joined it and need the figure start loads of their own. */
final class RefreshDroppedException extends UsageException {

    private static final long serialVersionUID = 1L;

    RefreshDroppedException() {
        super("no room for a refresh", null);
    }
}
