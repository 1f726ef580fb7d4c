package io.usagekit.postgres.rows;

import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A delivery that a figure counts as sent. Ids are texts as PostgreSQL writes them.
 *
 * @param deliveryId its id
 * @param projectId its project
 * @param eventId the event that it delivered, also if that was deleted; empty if the delivery names none
 * @param createdAt when it was made
 * @param bytes the octets of its event as the figure counts them; empty if they aren't known, as in {@link ReceivedRow}
 * @since 0.1
 */
public record SentRow(
        String deliveryId, String projectId, Optional<String> eventId, Instant createdAt, OptionalLong bytes) {

    /** Checks that nothing is null. */
    public SentRow {
        Objects.requireNonNull(deliveryId, "deliveryId");
        Objects.requireNonNull(projectId, "projectId");
        Objects.requireNonNull(eventId, "eventId");
        Objects.requireNonNull(createdAt, "createdAt");
        Objects.requireNonNull(bytes, "bytes");
    }
}
