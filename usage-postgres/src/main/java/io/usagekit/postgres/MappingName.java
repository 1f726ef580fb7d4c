package io.usagekit.postgres;

import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** What has a name of the host's in a mapping, and the name that it has unless the host gives another one; empty: none. */
enum MappingName {
    SCHEMA("schema", ""),
    PROJECTS("projects", "projects"),
    PROJECT_ID("projectId", "id"),
    PROJECT_ORGANISATION_ID("projectOrganisationId", "organisation_id"),
    PROJECT_DELETED_AT("projectDeletedAt", "deleted_at"),
    EVENTS("events", "events"),
    EVENT_ID("eventId", "id"),
    EVENT_PROJECT_ID("eventProjectId", "project_id"),
    EVENT_CREATED_AT("eventCreatedAt", "created_at"),
    EVENT_DELETED_AT("eventDeletedAt", "deleted_at"),
    STORED_BYTES("storedBytes", ""),
    DELIVERY_STORED_BYTES("deliveryStoredBytes", ""),
    DELIVERIES("deliveries", "event_deliveries"),
    DELIVERY_ID("deliveryId", "id"),
    DELIVERY_PROJECT_ID("deliveryProjectId", "project_id"),
    DELIVERY_EVENT_ID("deliveryEventId", "event_id"),
    DELIVERY_STATUS("deliveryStatus", "status"),
    DELIVERY_CREATED_AT("deliveryCreatedAt", "created_at");

    private static final int MAX_IDENTIFIER_BYTES = 63;

    /** The method of {@link TableMapping.Builder} that names it, for messages. */
    final String argument;

    final String initial;

    MappingName(String argument, String initial) {
        this.argument = argument;
        this.initial = initial;
    }

    /** Returns the name, if it is an identifier; PostgreSQL truncates longer names with a notice only, and would then read another table. */
    static String identifier(String argument, String name) {
        Objects.requireNonNull(name, argument);
        int bytes = name.getBytes(StandardCharsets.UTF_8).length;
        if (name.isEmpty() || bytes > MAX_IDENTIFIER_BYTES || name.indexOf('\0') >= 0) {
            throw new IllegalArgumentException(argument + " must be an identifier of 1 to " + MAX_IDENTIFIER_BYTES
                    + " bytes without U+0000, but was \"" + name.replace("\0", "\\0") + "\" (" + bytes + " bytes)");
        }
        return name;
    }
}
