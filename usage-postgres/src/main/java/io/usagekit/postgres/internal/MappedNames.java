package io.usagekit.postgres.internal;

import io.usagekit.postgres.TableMapping;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The mapped tables and columns by the names that statements use for them. */
public final class MappedNames {

    /** The first version of PostgreSQL that tells which TOASTed value a column refers to. */
    private static final int FIRST_WITH_TOAST_IDS = 17;

    private MappedNames() {}

    /**
     * Returns quoted names, and expressions over a row {@code e} of events and {@code p} of projects. The map is new, so that callers
     * may add others.
     */
    public static Map<String, String> of(TableShape shape) {
        TableMapping mapping = shape.mapping();
        Map<String, String> names = new HashMap<>();
        names.put(SqlStatements.TYPES, shape.types());
        names.put("projects", Identifiers.qualified(mapping.schema(), mapping.projects()));
        names.put("project.id", Identifiers.quote(mapping.projectId()));
        names.put("project.organisation_id", Identifiers.quote(mapping.projectOrganisationId()));
        OrganisationText text = OrganisationText.of(shape.organisationIdType());
        names.put("organisation.begin_text", text.begin());
        names.put("organisation.end_text", text.end());
        names.put("events", Identifiers.qualified(mapping.schema(), mapping.events()));
        names.put("event.id", Identifiers.quote(mapping.eventId()));
        names.put("event.project_id", Identifiers.quote(mapping.eventProjectId()));
        names.put("event.created_at", Identifiers.quote(mapping.eventCreatedAt()));
        names.put("event.live", eventIsLive("e", shape));
        names.put("event.counts", eventCounts(shape));
        names.put("project.rolled_from", projectRolledFrom(shape));
        names.put("event.at_utc", atUtc(shape.hasZonelessEvents()));
        names.put("delivery.at_utc", atUtc(shape.hasZonelessDeliveries()));
        names.put("event.octets", octets("e", shape));
        names.put("event.stored_octets", storedOctets("e", shape));
        names.put("event.is_stored", isStored("e", shape));
        names.put("event.is_unstored", isUnstored("e.", mapping));
        names.put("event.emptied", emptied("e", shape));
        names.put("event.lost", lost("e", shape));
        names.put("deliveries", Identifiers.qualified(mapping.schema(), mapping.deliveries()));
        names.put("delivery.id", Identifiers.quote(mapping.deliveryId()));
        names.put("delivery.project_id", Identifiers.quote(mapping.deliveryProjectId()));
        names.put("delivery.event_id", Identifiers.quote(mapping.deliveryEventId()));
        names.put("delivery.created_at", Identifiers.quote(mapping.deliveryCreatedAt()));
        names.put("delivery.size", deliverySize("d", shape));
        names.put("delivery.octets", deliveryOctets(shape));
        names.put("delivery.lost", deliveryLost(shape, deliverySize("d", shape)));
        names.put("delivery.lost_by_id", deliveryLost(shape, "delivery.size"));
        names.put("delivery.octets_by_id", deliveryOctets(shape, "delivery.size"));
        names.put("delivery.status", Identifiers.quote(mapping.deliveryStatus()));
        names.put("delivered_statuses", Identifiers.literals(mapping.deliveredStatuses()));
        return names;
    }

    /** What stands before and after an organisation's id to make of it one text, in which ids that the column takes for equal are equal. */
    private record OrganisationText(String begin, String end) {

        static OrganisationText of(String type) {
            return switch (type) {
                case "uuid", "smallint", "integer", "bigint" -> new OrganisationText("(", "::" + type + ")::text");
                case "numeric" -> new OrganisationText("trim_scale(", "::numeric)::text");
                case "character" -> new OrganisationText("rtrim(", "::text)");
                default -> new OrganisationText(type.endsWith("citext") ? "lower(" : "(", "::text)");
            };
        }
    }

    /** Returns the condition that a project {@code p} counts. */
    public static String counts(TableShape shape, ProjectScope projects) {
        return projects == ProjectScope.ALL
                ? "true"
                : live("p", shape.mapping().projectDeletedAt(), shape, shape.projects());
    }

    /** Returns the condition that an event isn't soft-deleted. */
    public static String eventIsLive(String alias, TableShape shape) {
        return live(alias, shape.mapping().eventDeletedAt(), shape, shape.events());
    }

    /**
     * Returns the condition that an event {@code e} counts: it isn't soft-deleted, or it was so with its project or after it, where the mapping
     * keeps those. Roll-ups hold what isn't soft-deleted only, so that a project can be deleted and restored without a change of them.
     */
    private static String eventCounts(TableShape shape) {
        TableMapping mapping = shape.mapping();
        String live = eventIsLive("e", shape);
        if (!mapping.keepsDeletedProjects()) {
            return live;
        }
        String mark = Identifiers.quote(mapping.projectDeletedAt().orElseThrow());
        return "(" + live + " or exists (select from "
                + Identifiers.qualified(mapping.schema(), mapping.projects()) + " kept where kept."
                + Identifiers.quote(mapping.projectId()) + " = e." + Identifiers.quote(mapping.eventProjectId())
                + " and not " + live("kept", mapping.projectDeletedAt(), shape, shape.projects()) + " and e."
                + Identifiers.quote(mapping.eventDeletedAt().orElseThrow()) + " >= kept." + mark + "))";
    }

    /** Returns from when on the rolled hours of a project {@code p}, which are {@code known}, may be read; infinity if none may. */
    private static String projectRolledFrom(TableShape shape) {
        String rolled = "coalesce(known.covered_from, 'infinity')";
        return shape.mapping().keepsDeletedProjects()
                ? "case when " + live("p", shape.mapping().projectDeletedAt(), shape, shape.projects()) + " then "
                        + rolled + " else 'infinity' end"
                : rolled;
    }

    private static String live(
            String alias, Optional<String> mark, TableShape shape, Map<String, TableShape.Column> columns) {
        return mark.map(name -> shape.mark(columns, name).live(alias + "." + Identifiers.quote(name)))
                .orElse("true");
    }

    /** Returns the expression of an event's size as {@code bigint}: stored, or else measured; null if it is neither. */
    public static String octets(String alias, TableShape shape) {
        TableMapping mapping = shape.mapping();
        String measured = mapping.payload().stream()
                .map(payload -> sizeOf(alias, payload, shape))
                .collect(Collectors.joining(" + "));
        return mapping.storedBytes()
                .map(stored -> storedOr(alias, stored, shape, measured))
                .orElse(measured);
    }

    /** Returns the octets of one payload column: stored, or else measured. */
    private static String sizeOf(String alias, String payload, TableShape shape) {
        String measured = octetLength(alias, payload, shape) + "::bigint";
        String stored = shape.mapping().payloadStoredBytes().get(payload);
        return stored == null ? measured : storedOr(alias, stored, shape, measured);
    }

    private static String storedOr(String alias, String stored, TableShape shape, String measured) {
        String size = storedSize(alias, stored, shape.isWholeNumber(stored), parts(shape.mapping()));
        return shape.isNullable(stored) && !measured.isEmpty()
                ? "case when " + column(alias, stored) + " is null then " + measured + " else " + size + " end"
                : size;
    }

    /**
     * Returns a stored size as {@code bigint}; null where it is none: negative, not a number, or so large that the sum of so many parts
     * wouldn't fit. It raises no error, whatever is stored.
     */
    private static String storedSize(String alias, String stored, boolean isWholeNumber, int parts) {
        String column = column(alias, stored);
        String fits =
                isWholeNumber && parts == 1 ? column + " >= 0" : column + " between 0 and " + Long.MAX_VALUE / parts;
        return "case when " + fits + " then " + column + "::bigint end";
    }

    /** Returns of how many sizes the size of an event is the sum. */
    private static int parts(TableMapping mapping) {
        return mapping.storedBytes().isPresent()
                ? 1
                : Math.max(1, mapping.payload().size());
    }

    /** octet_length of text and bytea is read from the TOAST pointer, without the value. */
    private static String octetLength(String alias, String payload, TableShape shape) {
        return "coalesce(octet_length(" + column(alias, payload) + (shape.isJson(payload) ? "::text" : "") + "), 0)";
    }

    /** Whether an event's size may be stored as a whole, so that rows in which it is are read from the index alone. */
    static boolean isStorable(TableMapping mapping) {
        return mapping.storedBytes().isPresent()
                || (!mapping.payload().isEmpty()
                        && mapping.payloadStoredBytes().keySet().containsAll(mapping.payload()));
    }

    /** Returns the columns that hold an event's size or its parts, in the order of the mapping. */
    static List<String> storedColumns(TableMapping mapping) {
        return mapping.storedBytes()
                .map(List::of)
                .orElseGet(() -> mapping.payload().stream()
                        .flatMap(payload ->
                                Stream.ofNullable(mapping.payloadStoredBytes().get(payload)))
                        .toList());
    }

    /** Whether some rows have a stored size and others have to be measured. */
    static boolean isPartlyStored(TableShape shape) {
        TableMapping mapping = shape.mapping();
        return isStorable(mapping)
                && !mapping.payload().isEmpty()
                && storedColumns(mapping).stream().anyMatch(shape::isNullable);
    }

    private static String storedOctets(String alias, TableShape shape) {
        TableMapping mapping = shape.mapping();
        return storedColumns(mapping).stream()
                .map(stored -> storedSize(alias, stored, shape.isWholeNumber(stored), parts(mapping)))
                .collect(Collectors.joining(" + "));
    }

    private static String isStored(String alias, TableShape shape) {
        return storedColumns(shape.mapping()).stream()
                .map(stored -> column(alias, stored) + " is not null")
                .collect(Collectors.joining(" and "));
    }

    /** Returns the condition that an event isn't read from the index alone, as that of the index which finds it. */
    static String isUnstored(String prefix, TableMapping mapping) {
        List<String> stored = storedColumns(mapping);
        String any = stored.stream()
                .map(name -> prefix + Identifiers.quote(name) + " is null")
                .collect(Collectors.joining(" or "));
        return stored.size() > 1 ? "(" + any + ")" : any;
    }

    /**
     * Returns the condition that a payload column without a stored size is empty, so that a stored size of the delivery may know more;
     * false where deliveries have none.
     */
    public static String emptied(String alias, TableShape shape) {
        TableMapping mapping = shape.mapping();
        if (mapping.deliveryStoredBytes().isEmpty()) {
            return "false";
        }
        List<String> empty = mapping.payload().stream()
                .flatMap(payload -> isEmpty(alias, payload, shape).stream())
                .toList();
        return empty.isEmpty() ? "false" : "(" + String.join(" or ", empty) + ")";
    }

    private static Optional<String> isEmpty(String alias, String payload, TableShape shape) {
        TableMapping mapping = shape.mapping();
        Optional<String> stored = mapping.storedBytes()
                .or(() -> Optional.ofNullable(mapping.payloadStoredBytes().get(payload)));
        if (stored.filter(name -> !shape.isNullable(name)).isPresent()) {
            return Optional.empty();
        }
        String empty = shape.isJson(payload)
                ? "coalesce(" + column(alias, payload) + "::text, '') in ('', 'null', '{}', '[]', '\"\"')"
                : octetLength(alias, payload, shape) + " = 0";
        return Optional.of(stored.map(name -> column(alias, name) + " is null and " + empty)
                .orElse(empty));
    }

    /**
     * Returns the condition that an event has no octets, and no stored size though some rows have one: its payload was emptied, as far as
     * anyone can tell. False where no sizes are stored, and where each event has one.
     */
    private static String lost(String alias, TableShape shape) {
        TableMapping mapping = shape.mapping();
        List<String> stored = storedColumns(mapping);
        boolean storesSizes = !stored.isEmpty() || mapping.deliveryStoredBytes().isPresent();
        if (!storesSizes || !stored.stream().allMatch(shape::isNullable)) {
            return "false";
        }
        return Stream.concat(
                        stored.stream().map(name -> column(alias, name) + " is null"),
                        Stream.of(octets(alias, shape) + " = 0"))
                .collect(Collectors.joining(" and ", "(", ")"));
    }

    /** Returns the condition that the octets of a delivery can't be known: its event is missing or lost, and it holds no size itself. */
    private static String deliveryLost(TableShape shape, String size) {
        return "(" + size + " is null and (e."
                + Identifiers.quote(shape.mapping().eventId()) + " is null or " + lost("e", shape) + "))";
    }

    private static String deliverySize(String alias, TableShape shape) {
        return shape.mapping()
                .deliveryStoredBytes()
                .map(name -> storedSize(alias, name, shape.isWholeNumberOfDeliveries(name), 1))
                .orElse("null::bigint");
    }

    /**
     * Returns the octets of a delivery, as {@code bigint}, beside its event {@code e}, whose id is null if it is missing; null if they
     * aren't known.
     */
    private static String deliveryOctets(TableShape shape, String size) {
        String octets = octets("e", shape);
        String hasEvent = "e." + Identifiers.quote(shape.mapping().eventId()) + " is not null";
        if (shape.mapping().deliveryStoredBytes().isEmpty()) {
            return "case when " + hasEvent + " then " + octets + " end";
        }
        return "case when " + hasEvent + " and not " + emptied("e", shape) + " then coalesce(" + octets + ", " + size
                + ") when " + hasEvent + " then greatest(" + octets + ", " + size + ") else " + size + " end";
    }

    /** Returns the octets of a delivery {@code d} beside its event {@code e}. */
    public static String deliveryOctets(TableShape shape) {
        return deliveryOctets(shape, deliverySize("d", shape));
    }

    /**
     * Returns conditions of triggers over the rows {@code old} and {@code new}: whether their times aren't before the watermark, and which
     * columns an update left as they were. They qualify each name.
     *
     * @param watermark the sequence of the watermark, in seconds since 1970, as a literal
     * @param serverVersion the major version of PostgreSQL
     */
    public static Map<String, String> guards(TableShape shape, String watermark, int serverVersion) {
        TableMapping mapping = shape.mapping();
        Map<String, String> guards = new HashMap<>();
        String sequence = watermark + "::pg_catalog.regclass";
        Map<String, String> times = Map.of("event", mapping.eventCreatedAt(), "delivery", mapping.deliveryCreatedAt());
        times.forEach((table, createdAt) -> guards.put(
                table + ".changed_recently",
                isRecent("least(" + column("old", createdAt) + ", " + column("new", createdAt) + ")", sequence)));
        List<String> row =
                new ArrayList<>(List.of(mapping.eventId(), mapping.eventProjectId(), mapping.eventCreatedAt()));
        mapping.eventDeletedAt().ifPresent(row::add);
        boolean identifiesToast = serverVersion >= FIRST_WITH_TOAST_IDS;
        guards.put("event.has_same_size", eventHasSameSize(shape, List.of(), identifiesToast));
        guards.put("event.is_unchanged", eventHasSameSize(shape, row, identifiesToast));
        guards.put("event.has_other_id", "not " + haveSameImage(List.of(mapping.eventId())));
        return guards;
    }

    /**
     * Returns the condition that a time isn't before a watermark. Numbers of seconds are compared: no value of the sequence is out of
     * range, and whole seconds and microseconds beside them are exact until the year 2514.
     */
    private static String isRecent(String time, String sequence) {
        return "pg_catalog.date_part('epoch', " + time + ") operator(pg_catalog.>=) pg_catalog.pg_sequence_last_value("
                + sequence + ")::double precision";
    }

    /**
     * Returns the condition that a change of an event, from {@code old} to {@code new}, leaves these columns, its octets and those of its
     * deliveries as they are, as far as that is known without the text of a json value; it qualifies each name.
     *
     * @param identifiesToast whether the server tells which stored value a large column refers to
     */
    private static String eventHasSameSize(TableShape shape, List<String> columns, boolean identifiesToast) {
        List<String> old = images("old", columns, shape);
        List<String> conditions = new ArrayList<>();
        if (!old.isEmpty()) {
            conditions.add(haveSameImage(old, images("new", columns, shape)));
        }
        shape.mapping().payload().stream()
                .filter(shape::isJson)
                .flatMap(payload -> sameJson(payload, shape, identifiesToast).stream())
                .forEach(conditions::add);
        return conditions.isEmpty() ? "true" : String.join(" and ", conditions);
    }

    private static List<String> images(String alias, List<String> columns, TableShape shape) {
        return Stream.concat(columns.stream().map(name -> column(alias, name)), sizeImages(alias, shape).stream())
                .toList();
    }

    /** Returns what the octets of an event are made of, but for json values: its stored sizes, and the octets of its payload columns. */
    private static List<String> sizeImages(String alias, TableShape shape) {
        TableMapping mapping = shape.mapping();
        return Stream.concat(
                        storedColumns(mapping).stream().map(stored -> column(alias, stored)),
                        mapping.payload().stream()
                                .filter(payload -> !shape.isJson(payload) && isMeasured(payload, shape))
                                .map(payload -> whereMeasured(
                                        alias,
                                        payload,
                                        shape,
                                        "coalesce(pg_catalog.octet_length(" + column(alias, payload) + "), 0)")))
                .toList();
    }

    /** Returns the column that may hold a stored size, of this payload column or of the event. */
    private static Optional<String> storedFor(String payload, TableMapping mapping) {
        return mapping.storedBytes()
                .or(() -> Optional.ofNullable(mapping.payloadStoredBytes().get(payload)));
    }

    /** Whether a payload column is measured, in all rows or in some. */
    private static boolean isMeasured(String payload, TableShape shape) {
        return storedFor(payload, shape.mapping())
                .filter(stored -> !shape.isNullable(stored))
                .isEmpty();
    }

    private static String whereMeasured(String alias, String payload, TableShape shape, String value) {
        return storedFor(payload, shape.mapping())
                .map(stored -> "case when " + column(alias, stored) + " is null then " + value + " end")
                .orElse(value);
    }

    /** Returns the condition that a json value is the same: the same stored value of a large one, or else the same image. */
    private static Optional<String> sameJson(String payload, TableShape shape, boolean identifiesToast) {
        if (!isMeasured(payload, shape)) {
            return Optional.empty();
        }
        String old = column("old", payload);
        String current = column("new", payload);
        List<String> same = new ArrayList<>();
        storedFor(payload, shape.mapping())
                .map(stored ->
                        "(" + column("old", stored) + " is not null and " + column("new", stored) + " is not null)")
                .ifPresent(same::add);
        if (identifiesToast) {
            same.add("pg_catalog.pg_column_toast_chunk_id(" + old
                    + ") operator(pg_catalog.=) pg_catalog.pg_column_toast_chunk_id(" + current + ")");
        }
        same.add(haveSameImage(List.of(old), List.of(current)));
        return Optional.of(same.stream().collect(Collectors.joining(" or ", "(", ")")));
    }

    private static String haveSameImage(List<String> old, List<String> current) {
        return "pg_catalog.record_image_eq(row(" + String.join(", ", old) + "), row(" + String.join(", ", current)
                + "))";
    }

    /** Returns the condition that columns have the same image in {@code old} and {@code new}; it qualifies each name. */
    public static String haveSameImage(List<String> columns) {
        return haveSameImage(
                columns.stream().map(name -> column("old", name)).toList(),
                columns.stream().map(name -> column("new", name)).toList());
    }

    /**
     * Returns what turns a time of the column into an instant, and an instant into a time of the column, in sessions of any zone.
     * Transactions of this library are in UTC, and need none of it.
     */
    private static String atUtc(boolean zoneless) {
        return zoneless ? " at time zone 'UTC'" : "";
    }

    /** Returns the tables whose times are without a zone, for settings; empty if none are. */
    public static String zonelessTables(TableShape shape) {
        return (shape.hasZonelessEvents() ? " events" : "") + (shape.hasZonelessDeliveries() ? " deliveries" : "");
    }

    private static String column(String alias, String name) {
        return alias + "." + Identifiers.quote(name);
    }
}
