package io.usagekit.postgres.rows;

import java.time.Instant;
import java.util.Objects;
import java.util.OptionalLong;

/**
 * An event that a figure counts as received. Ids are texts as PostgreSQL writes them.
 *
 * @param eventId its id
 * @param projectId its project
 * @param createdAt when it was received
 * @param bytes its octets as the figure counts them; empty if they aren't known, as {@link io.usagekit.OrganisationUsage#unmeasured}
 *     says: the figure then counts the event without octets, or, where the mapping names no payload column, there is no figure
 * @since 0.1
 */
public record ReceivedRow(String eventId, String projectId, Instant createdAt, OptionalLong bytes) {

    /** Checks that nothing is null. */
    public ReceivedRow {
        Objects.requireNonNull(eventId, "eventId");
        Objects.requireNonNull(projectId, "projectId");
        Objects.requireNonNull(createdAt, "createdAt");
        Objects.requireNonNull(bytes, "bytes");
    }
}
