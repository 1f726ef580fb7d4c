package io.usagekit.postgres.internal;

import io.usagekit.postgres.TableMapping;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** What the statements call the mapped tables and columns. */
public final class MappedNames {

    private MappedNames() {}

    /**
     * The names, quoted, and the expressions over {@code e}, a row of events, and {@code p}, one of projects. A new map, to
     * which others may be added.
     */
    public static Map<String, String> of(TableMapping mapping, TableShape shape) {
        Map<String, String> pieces = new HashMap<>();
        pieces.put("projects", Identifiers.qualified(mapping.schema(), mapping.projects()));
        pieces.put("project.id", Identifiers.quote(mapping.projectId()));
        pieces.put("project.organisation_id", Identifiers.quote(mapping.projectOrganisationId()));
        pieces.put("events", Identifiers.qualified(mapping.schema(), mapping.events()));
        pieces.put("event.id", Identifiers.quote(mapping.eventId()));
        pieces.put("event.project_id", Identifiers.quote(mapping.eventProjectId()));
        pieces.put("event.created_at", Identifiers.quote(mapping.eventCreatedAt()));
        pieces.put("event.live", live("e", mapping.eventDeletedAt()));
        pieces.put("event.measured", measured("e", mapping.payload(), shape));
        pieces.put("event.octets", octets("e", mapping, shape));
        mapping.storedBytes().ifPresent(column -> pieces.put("event.stored_bytes", Identifiers.quote(column)));
        pieces.put("deliveries", Identifiers.qualified(mapping.schema(), mapping.deliveries()));
        pieces.put("delivery.project_id", Identifiers.quote(mapping.deliveryProjectId()));
        pieces.put("delivery.event_id", Identifiers.quote(mapping.deliveryEventId()));
        pieces.put("delivery.created_at", Identifiers.quote(mapping.deliveryCreatedAt()));
        pieces.put("delivery.status", Identifiers.quote(mapping.deliveryStatus()));
        pieces.put("delivered_statuses", Identifiers.literals(mapping.deliveredStatuses()));
        return pieces;
    }

    /** Whether a project counts, over {@code p}. */
    public static String counts(TableMapping mapping, ProjectScope projects) {
        return projects == ProjectScope.ALL ? "true" : live("p", mapping.projectDeletedAt());
    }

    /** Whether a row isn't soft-deleted. */
    public static String live(String alias, Optional<String> deletedAt) {
        return deletedAt
                .map(column -> alias + "." + Identifiers.quote(column) + " is null")
                .orElse("true");
    }

    /** An event's size as {@code bigint}: stored, or else measured; null if it is neither. */
    public static String octets(String alias, TableMapping mapping, TableShape shape) {
        String measured = measured(alias, mapping.payload(), shape);
        String stored = mapping.storedBytes()
                .map(column -> alias + "." + Identifiers.quote(column) + "::bigint")
                .orElse(measured);
        return isPartlyStored(mapping, shape) ? "coalesce(" + stored + ", " + measured + ")" : stored;
    }

    /** Whether some rows have a stored size and others have to be measured. */
    static boolean isPartlyStored(TableMapping mapping, TableShape shape) {
        return mapping.storedBytes().filter(shape::isNullable).isPresent()
                && !mapping.payload().isEmpty();
    }

    /** Octets, not characters: octet_length of a text or bytea column is read from the TOAST pointer, without the value. */
    private static String measured(String alias, List<String> payload, TableShape shape) {
        return payload.stream()
                .map(column -> "coalesce(octet_length(" + alias + "." + Identifiers.quote(column)
                        + (shape.isJson(column) ? "::text" : "") + "), 0)::bigint")
                .collect(Collectors.joining(" + "));
    }
}
