package io.usagekit.events;

import java.time.Instant;
import java.util.Optional;

/**
 * A delivery to be recorded.
 *
 * @param id unique in the ledger; not blank, at most 255 octets in UTF-8, as are all ids
 * @param projectId of the event, too
 * @param endpointId where it went; empty if to no endpoint in particular
 * @param status in the host's words; {@link Delivery#SUCCESS} is what counts as sent
 * @param createdAt when it was made, truncated to microseconds, in the years 1 to 9999; empty: when it is recorded
 * @param failureReason why it failed, in the host's words; empty if it didn't, or if that isn't said; at most 8,192 octets
 * @param metadata what the host keeps with it, in the host's own format; empty if nothing; at most 8,192 octets
 * @since 0.1
 */
public record NewDelivery(
        String id,
        String projectId,
        String eventId,
        String endpointId,
        String status,
        Optional<Instant> createdAt,
        String failureReason,
        String metadata) {

    /**
     * @throws IllegalArgumentException if one of them is out of bounds
     */
    public NewDelivery {
        Bounds.id("id", id);
        Bounds.id("projectId", projectId);
        Bounds.id("eventId", eventId);
        Bounds.word("endpointId", endpointId);
        Bounds.word("status", status);
        createdAt = createdAt.map(instant -> Bounds.instant("createdAt", instant));
        Bounds.text("failureReason", failureReason);
        Bounds.text("metadata", metadata);
    }

    /**
     * A delivery without a failure reason and metadata.
     *
     * @throws IllegalArgumentException if one of them is out of bounds
     */
    public NewDelivery(
            String id,
            String projectId,
            String eventId,
            String endpointId,
            String status,
            Optional<Instant> createdAt) {
        this(id, projectId, eventId, endpointId, status, createdAt, "", "");
    }

    /** For logs: sizes of the failure reason and metadata. */
    @Override
    public String toString() {
        return "NewDelivery[id=" + id
                + ", projectId=" + projectId
                + ", eventId=" + eventId
                + ", endpointId=" + endpointId
                + ", status=" + status
                + ", createdAt=" + createdAt
                + ", failureReason=" + Bounds.size(failureReason)
                + ", metadata=" + Bounds.size(metadata) + "]";
    }
}
