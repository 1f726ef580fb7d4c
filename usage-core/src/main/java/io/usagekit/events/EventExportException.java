package io.usagekit.events;

import io.usagekit.UsageException;

/**
 * An export has ended before its end: the sink failed, or the database. Nothing is lost: cut what the sink has to the octets of
 * {@link #progress}, and append an export of the same request that is resumed at its cursor; the whole is what an export without
 * the failure would have been.
 *
 * @since 0.1
 */
public final class EventExportException extends UsageException {

    private static final long serialVersionUID = 1L;

    private final transient ExportProgress progress;

    /** With the reason, the cause and what has been handed over. */
    public EventExportException(String message, Throwable cause, ExportProgress progress) {
        super(
                message + "; " + progress.events() + " events were handed over"
                        + progress.cursor()
                                .map(cursor -> ", resume at " + cursor)
                                .orElse(", start again from the beginning"),
                cause);
        this.progress = progress;
    }

    /** What has been handed over for sure, and where to resume. */
    public ExportProgress progress() {
        return progress;
    }
}
