package io.usagekit.postgres.internal;

import io.usagekit.postgres.TableMapping;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** The mapped tables and columns by the names that statements use for them. */
public final class MappedNames {

    private MappedNames() {}

    /**
     * Returns quoted names, and expressions over a row {@code e} of events and {@code p} of projects. The map is new, so that callers
     * may add others.
     */
    public static Map<String, String> of(TableMapping mapping, TableShape shape) {
        Map<String, String> names = new HashMap<>();
        names.put("projects", Identifiers.qualified(mapping.schema(), mapping.projects()));
        names.put("project.id", Identifiers.quote(mapping.projectId()));
        names.put("project.organisation_id", Identifiers.quote(mapping.projectOrganisationId()));
        names.put("events", Identifiers.qualified(mapping.schema(), mapping.events()));
        names.put("event.id", Identifiers.quote(mapping.eventId()));
        names.put("event.project_id", Identifiers.quote(mapping.eventProjectId()));
        names.put("event.created_at", Identifiers.quote(mapping.eventCreatedAt()));
        names.put("event.live", eventIsLive("e", mapping, shape));
        names.put("event.measured", measured("e", mapping.payload(), shape));
        names.put("event.octets", octets("e", mapping, shape));
        mapping.storedBytes().ifPresent(column -> names.put("event.stored_bytes", Identifiers.quote(column)));
        names.put("deliveries", Identifiers.qualified(mapping.schema(), mapping.deliveries()));
        names.put("delivery.project_id", Identifiers.quote(mapping.deliveryProjectId()));
        names.put("delivery.event_id", Identifiers.quote(mapping.deliveryEventId()));
        names.put("delivery.created_at", Identifiers.quote(mapping.deliveryCreatedAt()));
        names.put("delivery.status", Identifiers.quote(mapping.deliveryStatus()));
        names.put("delivered_statuses", Identifiers.literals(mapping.deliveredStatuses()));
        return names;
    }

    /** Returns the condition that a project {@code p} counts. */
    public static String counts(TableMapping mapping, TableShape shape, ProjectScope projects) {
        return projects == ProjectScope.ALL ? "true" : live("p", mapping.projectDeletedAt(), shape.projects());
    }

    /** Returns the condition that an event isn't soft-deleted. */
    public static String eventIsLive(String alias, TableMapping mapping, TableShape shape) {
        return live(alias, mapping.eventDeletedAt(), shape.events());
    }

    private static String live(String alias, Optional<String> mark, Map<String, TableShape.Column> columns) {
        return mark.map(name -> TableShape.mark(columns, name).live(alias + "." + Identifiers.quote(name)))
                .orElse("true");
    }

    /** Returns the expression of an event's size as {@code bigint}: stored, or else measured; null if it is neither. */
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

    /** Returns the sum of octets, not characters: octet_length of text and bytea is read from the TOAST pointer, without the value. */
    private static String measured(String alias, List<String> payload, TableShape shape) {
        return payload.stream()
                .map(column -> "coalesce(octet_length(" + alias + "." + Identifiers.quote(column)
                        + (shape.isJson(column) ? "::text" : "") + "), 0)::bigint")
                .collect(Collectors.joining(" + "));
    }
}
