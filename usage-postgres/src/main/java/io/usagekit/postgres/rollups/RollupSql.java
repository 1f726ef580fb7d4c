package io.usagekit.postgres.rollups;

import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.MappedNames;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlTemplate;
import io.usagekit.postgres.internal.TableShape;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.CRC32;

/** The statements of one set of roll-ups: those over one mapping, in one schema. Thread-safe. */
public final class RollupSql {

    /** Of the tables and triggers; raised with each change to them. */
    static final int VERSION = 2;

    private final TableMapping mapping;
    private final TableShape shape;
    private final String schema;
    private final Map<String, String> pieces;
    private final Map<String, SqlTemplate> templates = new ConcurrentHashMap<>();

    private RollupSql(TableMapping mapping, TableShape shape, String schema, Map<String, String> pieces) {
        this.mapping = mapping;
        this.shape = shape;
        this.schema = schema;
        this.pieces = Map.copyOf(pieces);
    }

    /**
     * Over these tables.
     *
     * @param schema the roll-ups' own
     */
    static RollupSql over(TableMapping mapping, TableShape shape, String schema) {
        Map<String, String> pieces = MappedNames.of(mapping, shape);
        pieces.put("rollups", Identifiers.quote(schema));
        pieces.put("version", Integer.toString(VERSION));
        pieces.put("settings", Identifiers.literal(settings(mapping, shape)));
        pieces.put("changed.deliveries", piece("rollups-changed-deliveries.sql", pieces));
        pieces.put("live.received", piece("rollups-live-received.sql", pieces));
        pieces.put("live.sent", piece("rollups-live-sent.sql", pieces));
        pieces.put("retained", piece("rollups-retained.sql", pieces));
        pieces.put("retain", piece("rollups-retain.sql", pieces));
        pieces.put("quarter", piece("rollups-quarter.sql", pieces));
        pieces.put("mark_before", Identifiers.literal(Identifiers.qualified(schema, "mark_before")));
        return new RollupSql(mapping, shape, schema, pieces);
    }

    /** Part of several statements. */
    private static String piece(String resource, Map<String, String> pieces) {
        return SqlTemplate.fill(SqlTemplate.withoutComments(SqlTemplate.resource(resource)), pieces);
    }

    /**
     * What is rolled, in words: two mappings that differ in anything that a rolled sum depends on differ here. Which projects
     * count isn't part of it; that is asked when a figure is read.
     */
    private static String settings(TableMapping mapping, TableShape shape) {
        return String.join(
                "\n",
                "events: " + Identifiers.qualified(mapping.schema(), mapping.events()),
                "their id, project, time: "
                        + quoted(mapping.eventId(), mapping.eventProjectId(), mapping.eventCreatedAt()),
                "live: " + MappedNames.live("e", mapping.eventDeletedAt()),
                "octets: " + MappedNames.octets("e", mapping, shape),
                "deliveries: " + Identifiers.qualified(mapping.schema(), mapping.deliveries()),
                "their event, project, time, status: "
                        + quoted(
                                mapping.deliveryEventId(),
                                mapping.deliveryProjectId(),
                                mapping.deliveryCreatedAt(),
                                mapping.deliveryStatus()),
                "delivered: "
                        + Identifiers.literals(
                                mapping.deliveredStatuses().stream().sorted().toList()));
    }

    /** The first full hour from an instant on. */
    static Instant nextHour(Instant instant) {
        Instant hour = instant.truncatedTo(ChronoUnit.HOURS);
        return hour.equals(instant) ? hour : hour.plus(1, ChronoUnit.HOURS);
    }

    private static String quoted(String... names) {
        return String.join(", ", List.of(names).stream().map(Identifiers::quote).toList());
    }

    public TableMapping mapping() {
        return mapping;
    }

    TableShape shape() {
        return shape;
    }

    /** The roll-ups' own schema. */
    String schema() {
        return schema;
    }

    String settings() {
        return settings(mapping, shape);
    }

    /** The host's tables, quoted, and the roll-ups' schema, as parameters. */
    Map<String, String> names() {
        return Map.of(
                "projects", Identifiers.qualified(mapping.schema(), mapping.projects()),
                "events", Identifiers.qualified(mapping.schema(), mapping.events()),
                "deliveries", Identifiers.qualified(mapping.schema(), mapping.deliveries()),
                "schema", Identifiers.quote(schema));
    }

    /** A statement out of a resource file. */
    SqlTemplate statement(String resource) {
        return templates.computeIfAbsent(resource, name -> SqlTemplate.of(text(name), pieces));
    }

    /** With its old events, which have parameters, written out. */
    private static String text(String resource) {
        return SqlTemplate.resource(resource)
                .replace("{old.events}", SqlTemplate.withoutComments(SqlTemplate.resource("rollups-old-events.sql")));
    }

    /** For tests: the same with other words in one statement. */
    RollupSql mutated(String resource, String before, String after) {
        String text = text(resource);
        if (!text.contains(before)) {
            throw new IllegalArgumentException(resource + " doesn't contain \"" + before + "\"");
        }
        RollupSql mutated = new RollupSql(mapping, shape, schema, pieces);
        mutated.templates.put(resource, SqlTemplate.of(text.replace(before, after), pieces));
        return mutated;
    }

    /** A statement that also asks which projects count. */
    SqlTemplate statement(String resource, ProjectScope projects) {
        return counting(SqlTemplate.resource(resource), projects);
    }

    private SqlTemplate counting(String text, ProjectScope projects) {
        Map<String, String> counting = new HashMap<>(pieces);
        counting.put("project.counts", MappedNames.counts(mapping, projects));
        return SqlTemplate.of(text, counting);
    }

    /** The combined query with the sums of rows that retention has deleted. */
    public CombinedQuery combined(ProjectScope projects) {
        String combined = CombinedQuery.text(mapping, shape);
        String text = SqlTemplate.resource("rollups-combined.sql").replace("{combined.query}", combined);
        return CombinedQuery.withRetained(counting(text, projects), mapping);
    }

    /** The sums by project and slice, of one organisation or of all. */
    SqlTemplate slices(ProjectScope projects, boolean oneOrganisation) {
        String organisation = oneOrganisation ? "p.{project.organisation_id} = :organisation_id" : "true";
        return counting(
                SqlTemplate.resource("rollups-slices.sql").replace("{organisation.counts}", organisation), projects);
    }

    /**
     * The script that creates everything, with its comments.
     *
     * @param operators the schemas in which trigger functions look for operators, quoted
     */
    String tablesAndTriggers(String projectIdType, String eventIdType, String operators) {
        Map<String, String> all = new HashMap<>(pieces);
        all.put("project_id_type", projectIdType);
        all.put("event_id_type", eventIdType);
        all.put("operators", operators);
        all.put("watermark", "to_timestamp(pg_sequence_last_value(" + pieces.get("mark_before") + "::regclass))");
        all.put("event.old_live", "(" + MappedNames.live("old", mapping.eventDeletedAt()) + ")");
        all.put("event.new_live", "(" + MappedNames.live("new", mapping.eventDeletedAt()) + ")");
        all.put("event.old_octets", "(" + MappedNames.octets("old", mapping, shape) + ")");
        all.put("event.new_octets", "(" + MappedNames.octets("new", mapping, shape) + ")");
        for (String trigger : List.of("insert", "update", "delete", "size_update", "size_delete", "truncate")) {
            all.put("trigger." + trigger, Identifiers.quote(triggerName(trigger)));
        }
        return SqlTemplate.fill(SqlTemplate.resource("rollups/schema-V2.sql"), all);
    }

    /** The script for one partition. */
    String partitionTrigger(String partitionSchema, String partition) {
        return SqlTemplate.fill(
                SqlTemplate.resource("rollups/schema-partition.sql"),
                Map.of(
                        "rollups",
                        Identifiers.quote(schema),
                        "trigger.truncate",
                        Identifiers.quote(triggerName("truncate")),
                        "partition",
                        Identifiers.qualified(partitionSchema, partition)));
    }

    String drop() {
        return script("rollups/schema-drop.sql");
    }

    /** Statements without parameters, as they are sent. */
    String script(String resource) {
        return SqlTemplate.withoutComments(SqlTemplate.fill(SqlTemplate.resource(resource), pieces));
    }

    /** Names on the host's tables carry a digest of the schema, so that roll-ups of two mappings may stand side by side. */
    String triggerName(String event) {
        CRC32 digest = new CRC32();
        digest.update(schema.getBytes(StandardCharsets.UTF_8));
        return String.format(Locale.ROOT, "usagekit_%s_%08x", event, digest.getValue());
    }
}
