package io.usagekit.events;

import java.util.Objects;
import java.util.Optional;

/**
 * How far an export is, counted since it was started or resumed.
 *
 * @param events how many events have been handed over whole, to a sink that has been flushed since
 * @param octets how many octets that was
 * @param cursor where to resume; empty: from the beginning
 * @since 0.1
 */
public record ExportProgress(long events, long octets, Optional<String> cursor) {

    /** Checks that nothing is null. */
    public ExportProgress {
        Objects.requireNonNull(cursor, "cursor");
    }
}
