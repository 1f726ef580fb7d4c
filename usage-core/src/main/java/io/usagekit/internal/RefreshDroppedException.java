package io.usagekit.internal;

import io.usagekit.UsageException;

/** There was no room for a refresh. Whoever joined it, and needs the figure, starts a load of their own. */
final class RefreshDroppedException extends UsageException {

    private static final long serialVersionUID = 1L;

    RefreshDroppedException() {
        super("no room for a refresh", null);
    }
}
