package io.usagekit.events;

import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A delivery as it stands in the ledger.
 *
 * @param endpointId where it went; empty if to no endpoint in particular
 * @param status in the host's words; {@link #SUCCESS} is what counts as sent
 * @param createdAt when it was made
 * @param failureReason why its last attempt failed, in the host's words; empty if it didn't, or if that isn't known
 * @param metadata what the host keeps with it, in the host's own format; empty if nothing
 * @param updatedAt when the ledger last set its status; empty: not since it was recorded
 * @since 0.1
 */
public record Delivery(
        String id,
        String projectId,
        String eventId,
        String endpointId,
        String status,
        Instant createdAt,
        String failureReason,
        String metadata,
        Optional<Instant> updatedAt) {

    /** The status of a delivery that succeeded. */
    public static final String SUCCESS = "Success";

    /** Creates a delivery with all of its properties. */
    public Delivery {
        Objects.requireNonNull(failureReason, "failureReason");
        Objects.requireNonNull(metadata, "metadata");
        Objects.requireNonNull(updatedAt, "updatedAt");
    }

    /** A delivery without a failure reason and metadata, which hasn't changed since it was recorded. */
    public Delivery(String id, String projectId, String eventId, String endpointId, String status, Instant createdAt) {
        this(id, projectId, eventId, endpointId, status, createdAt, "", "", Optional.empty());
    }

    /**
     * A delivery as it was recorded, for implementations of {@link EventRepository}.
     *
     * @param now when it was made, unless it says so
     */
    public static Delivery of(NewDelivery delivery, Instant now) {
        return new Delivery(
                delivery.id(),
                delivery.projectId(),
                delivery.eventId(),
                delivery.endpointId(),
                delivery.status(),
                delivery.createdAt().orElse(now),
                delivery.failureReason(),
                delivery.metadata(),
                Optional.empty());
    }

    /** Octets of all of its texts: pages are limited in their sum. */
    public long octets() {
        return Stream.of(id, projectId, eventId, endpointId, status, failureReason, metadata)
                .mapToLong(Bounds::octets)
                .sum();
    }

    /** For logs: sizes of the failure reason and metadata. */
    @Override
    public String toString() {
        return "Delivery[id=" + id
                + ", projectId=" + projectId
                + ", eventId=" + eventId
                + ", endpointId=" + endpointId
                + ", status=" + status
                + ", createdAt=" + createdAt
                + ", failureReason=" + Bounds.size(failureReason)
                + ", metadata=" + Bounds.size(metadata)
                + ", updatedAt=" + updatedAt + "]";
    }
}
