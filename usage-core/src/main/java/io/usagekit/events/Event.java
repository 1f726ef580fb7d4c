package io.usagekit.events;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * An event as it stands in the ledger. What it doesn't have (a type, a source, a key, a status, a path) is an empty text.
 *
 * @param headerValues its headers: the values of each name, in the order of names; names are in lower case, except those that a host's SQL
 *     inserted otherwise
 * @param duplicate whether a live event with the same idempotency key was there before it
 * @param bytes its size as figures count it, in octets
 * @param createdAt when it was received
 * @param deletedAt when it was soft-deleted; empty: it is live, and counted
 * @param acknowledgedAt when it was acknowledged to its sender; empty if that isn't known
 * @param updatedAt when the ledger last changed it: its status, its endpoints, or that it is deleted; empty: not since it was recorded
 * @param urlPath path of the URL to which it was sent
 * @param urlQueryParams query of that URL
 * @param metadata what the host keeps with it, in the host's own format
 * @since 0.1
 */
public record Event(
        String id,
        String projectId,
        String type,
        Payload payload,
        Map<String, List<String>> headerValues,
        String sourceId,
        String idempotencyKey,
        boolean duplicate,
        String status,
        long bytes,
        Instant createdAt,
        Optional<Instant> deletedAt,
        Optional<Instant> acknowledgedAt,
        Optional<Instant> updatedAt,
        String urlPath,
        String urlQueryParams,
        String metadata) {

    /** The header with the id that a message broker gave the message which the event came in. */
    public static final String BROKER_MESSAGE_ID = "x-broker-message-id";

    /** Copies the headers, as they are: what was read is no input to be checked. */
    public Event {
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(projectId, "projectId");
        Objects.requireNonNull(payload, "payload");
        Objects.requireNonNull(acknowledgedAt, "acknowledgedAt");
        Objects.requireNonNull(updatedAt, "updatedAt");
        Objects.requireNonNull(urlPath, "urlPath");
        Objects.requireNonNull(urlQueryParams, "urlQueryParams");
        Objects.requireNonNull(metadata, "metadata");
        headerValues = Headers.copy(headerValues);
    }

    /** An event with one value of each header, without a path, a query and metadata, of which it isn't known when it was acknowledged. */
    public Event(
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
        this(
                id,
                projectId,
                type,
                payload,
                Headers.lists(headers),
                sourceId,
                idempotencyKey,
                duplicate,
                status,
                bytes,
                createdAt,
                deletedAt,
                Optional.empty(),
                Optional.empty(),
                "",
                "",
                "");
    }

    /**
     * An event as it was recorded, for implementations of {@link EventRepository}.
     *
     * @param duplicate whether a live event with the same idempotency key was there before it
     * @param bytes its size as figures count it, in octets
     * @param createdAt when it was received
     * @param deletedAt when it was soft-deleted; empty: it is live, and counted
     */
    public static Event of(
            NewEvent event, boolean duplicate, long bytes, Instant createdAt, Optional<Instant> deletedAt) {
        return new Event(
                event.id(),
                event.projectId(),
                event.type(),
                event.payload(),
                event.headerValues(),
                event.sourceId(),
                event.idempotencyKey(),
                duplicate,
                event.status(),
                bytes,
                createdAt,
                deletedAt,
                event.acknowledgedAt(),
                Optional.empty(),
                event.urlPath(),
                event.urlQueryParams(),
                event.metadata());
    }

    /** Octets of its payload, as figures count it, and of all of its texts: pages and exports are limited in their sum. */
    public long octets() {
        long octets = bytes + Headers.octets(headerValues);
        for (String text :
                List.of(id, projectId, type, sourceId, idempotencyKey, status, urlPath, urlQueryParams, metadata)) {
            octets += Bounds.octets(text);
        }
        return octets;
    }

    /** For logs: names of headers without their values; sizes of the payload, path, query and metadata. */
    @Override
    public String toString() {
        return "Event[id=" + id
                + ", projectId=" + projectId
                + ", type=" + type
                + ", payload=" + payload
                + ", headers=" + headerValues.keySet()
                + ", sourceId=" + sourceId
                + ", idempotencyKey=" + idempotencyKey
                + ", duplicate=" + duplicate
                + ", status=" + status
                + ", bytes=" + bytes
                + ", createdAt=" + createdAt
                + ", deletedAt=" + deletedAt
                + ", acknowledgedAt=" + acknowledgedAt
                + ", updatedAt=" + updatedAt
                + ", urlPath=" + Bounds.size(urlPath)
                + ", urlQueryParams=" + Bounds.size(urlQueryParams)
                + ", metadata=" + Bounds.size(metadata) + "]";
    }

    /**
     * Its headers with one text each: several values of a name are joined by a comma and a space (RFC 9110, 5.3). Values of
     * {@code Set-Cookie} may contain commas, so that they can't be joined: its text is the first of them.
     */
    public Map<String, String> headers() {
        return Headers.combined(headerValues);
    }

    /** Its header {@value #BROKER_MESSAGE_ID}, the first value if SQL inserted several; empty if it has none. */
    public String brokerMessageId() {
        return headerValues.getOrDefault(BROKER_MESSAGE_ID, List.of()).stream()
                .findFirst()
                .orElse("");
    }
}
