package io.usagekit.events;

import java.time.Instant;

/**
 * A delivery as it stands in the ledger.
 *
 * @param endpointId where it went; empty if to no endpoint in particular
 * @param status in the host's words; {@link #SUCCESS} is what counts as sent
 * @param createdAt when it was made
 * @since 0.1
 */
public record Delivery(
        String id, String projectId, String eventId, String endpointId, String status, Instant createdAt) {

    /** The status of a delivery that succeeded. */
    public static final String SUCCESS = "Success";
}
