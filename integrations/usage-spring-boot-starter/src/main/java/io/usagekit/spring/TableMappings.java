package io.usagekit.spring;

import io.usagekit.postgres.TableMapping;
import io.usagekit.spring.UsageProperties.Preset;
import io.usagekit.spring.UsageProperties.Tables;
import java.time.DateTimeException;
import java.time.ZoneId;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Builds the mapping that {@code usagekit.tables} describes. */
final class TableMappings {

    private static final String PREFIX = UsageProperties.PREFIX + ".tables";

    private TableMappings() {}

    /**
     * Builds a mapping.
     *
     * @throws UsageConfigurationException if a property doesn't fit the preset or another one, or its value is wrong
     */
    static TableMapping of(Tables tables) {
        if (tables.preset() == Preset.OWN) {
            rejectNames(tables);
        }
        return Knobs.named(PREFIX, Tables.class, () -> apply(tables, start(tables)));
    }

    private static TableMapping.Builder start(Tables tables) {
        String schema = tables.schema();
        return switch (tables.preset()) {
            case OWN -> (schema == null ? TableMapping.usagekit() : TableMapping.usagekit(schema)).toBuilder();
            case GATEWAY -> (schema == null ? TableMapping.gateway() : TableMapping.gateway(schema)).toBuilder();
            case CUSTOM -> {
                if (schema == null) {
                    throw Knobs.wrong(
                            PREFIX + ".schema",
                            "must be given where " + PREFIX + ".preset is custom, but wasn't",
                            null);
                }
                yield TableMapping.builder(schema);
            }
        };
    }

    private static TableMapping apply(Tables tables, TableMapping.Builder builder) {
        Knobs.ifGiven(tables.projects(), builder::projects);
        Knobs.ifGiven(tables.projectId(), builder::projectId);
        Knobs.ifGiven(tables.projectOrganisationId(), builder::projectOrganisationId);
        ifGivenOrEmpty(tables.projectDeletedAt(), builder::projectDeletedAt, builder::withoutProjectDeletion);
        Knobs.ifGiven(tables.events(), builder::events);
        Knobs.ifGiven(tables.eventId(), builder::eventId);
        Knobs.ifGiven(tables.eventProjectId(), builder::eventProjectId);
        Knobs.ifGiven(tables.eventCreatedAt(), builder::eventCreatedAt);
        ifGivenOrEmpty(tables.eventDeletedAt(), builder::eventDeletedAt, builder::withoutEventDeletion);
        Knobs.ifGiven(tables.payload(), columns -> builder.payload(columns.toArray(String[]::new)));
        ifGivenOrEmpty(tables.storedBytes(), builder::storedBytes, builder::withoutStoredBytes);
        Knobs.ifGiven(tables.payloadStoredBytes(), columns -> applyStoredBytes(columns, builder));
        ifGivenOrEmpty(tables.deliveryStoredBytes(), builder::deliveryStoredBytes, builder::withoutDeliveryStoredBytes);
        Knobs.ifGiven(tables.deliveries(), builder::deliveries);
        Knobs.ifGiven(tables.deliveryId(), builder::deliveryId);
        Knobs.ifGiven(tables.deliveryProjectId(), builder::deliveryProjectId);
        Knobs.ifGiven(tables.deliveryEventId(), builder::deliveryEventId);
        Knobs.ifGiven(tables.deliveryStatus(), builder::deliveryStatus);
        Knobs.ifGiven(tables.deliveryCreatedAt(), builder::deliveryCreatedAt);
        Knobs.ifGiven(
                tables.deliveredStatuses(), statuses -> builder.deliveredStatuses(statuses.toArray(String[]::new)));
        Knobs.ifGiven(tables.timestampsIn(), zone -> builder.timestampsIn(zone(zone)));
        if (Boolean.TRUE.equals(tables.keepDeletedProjects())) {
            builder.keepDeletedProjects();
        }
        return builder.build();
    }

    /** Takes an empty name for none. */
    private static void ifGivenOrEmpty(@Nullable String name, Consumer<String> setter, Runnable without) {
        if (name != null) {
            if (name.isEmpty()) {
                without.run();
            } else {
                setter.accept(name);
            }
        }
    }

    private static void applyStoredBytes(Map<String, String> columns, TableMapping.Builder builder) {
        columns.forEach((payloadColumn, column) -> {
            try {
                builder.storedBytes(payloadColumn, column);
            } catch (IllegalArgumentException e) {
                throw Knobs.wrong(
                        PREFIX + ".payload-stored-bytes." + payloadColumn,
                        "must be the name of a column, but was \"" + column + "\": " + e.getMessage(),
                        e);
            }
        });
    }

    private static ZoneId zone(String id) {
        try {
            return ZoneId.of(id);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException("timestampsIn must be UTC, but was \"" + id + "\"", e);
        }
    }

    private static void rejectNames(Tables tables) {
        names(tables).forEach((property, value) -> {
            if (value != null) {
                throw Knobs.wrong(
                        PREFIX + "." + property,
                        "must not be given where " + PREFIX + ".preset is own, whose names are fixed, but was " + value,
                        null);
            }
        });
    }

    private static Map<String, @Nullable Object> names(Tables tables) {
        Map<String, @Nullable Object> names = new LinkedHashMap<>();
        names.put("projects", tables.projects());
        names.put("project-id", tables.projectId());
        names.put("project-organisation-id", tables.projectOrganisationId());
        names.put("project-deleted-at", tables.projectDeletedAt());
        names.put("events", tables.events());
        names.put("event-id", tables.eventId());
        names.put("event-project-id", tables.eventProjectId());
        names.put("event-created-at", tables.eventCreatedAt());
        names.put("event-deleted-at", tables.eventDeletedAt());
        names.put("payload", tables.payload());
        names.put("stored-bytes", tables.storedBytes());
        names.put("payload-stored-bytes", tables.payloadStoredBytes());
        names.put("delivery-stored-bytes", tables.deliveryStoredBytes());
        names.put("deliveries", tables.deliveries());
        names.put("delivery-id", tables.deliveryId());
        names.put("delivery-project-id", tables.deliveryProjectId());
        names.put("delivery-event-id", tables.deliveryEventId());
        names.put("delivery-status", tables.deliveryStatus());
        names.put("delivery-created-at", tables.deliveryCreatedAt());
        names.put("timestamps-in", tables.timestampsIn());
        return names;
    }
}
