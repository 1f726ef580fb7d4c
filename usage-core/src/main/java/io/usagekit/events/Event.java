package io.usagekit.events;

import java.time.Instant;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * An event as it stands in the ledger. What it doesn't have (a type, a source, a key, a status) is an empty text.
 *
 * @param headers by name, in the order of names: in lower case as they were recorded, or as SQL inserted them
 * @param duplicate whether a live event with the same idempotency key was there before it
 * @param bytes its size as figures count it, in octets
 * @param createdAt when it was received
 * @param deletedAt when it was soft-deleted; empty: it is live, and counted
 * @since 0.1
 */
public record Event(
        String id,
        String projectId,
        String type,
        Payload payload,
        Map<String, String> headers,
        String sourceId,
        String idempotencyKey,
        boolean duplicate,
        String status,
        long bytes,
        Instant createdAt,
        Optional<Instant> deletedAt) {

    /** The header with the id that a message broker gave the message which the event came in. */
    public static final String BROKER_MESSAGE_ID = "x-broker-message-id";

    /** Copies the headers, as they are: what was read is no input to be checked. */
    public Event {
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(projectId, "projectId");
        Objects.requireNonNull(payload, "payload");
        headers = Collections.unmodifiableSortedMap(new TreeMap<>(headers));
    }

    /** Its header {@value #BROKER_MESSAGE_ID}; empty if it has none. */
    public String brokerMessageId() {
        return headers.getOrDefault(BROKER_MESSAGE_ID, "");
    }
}
