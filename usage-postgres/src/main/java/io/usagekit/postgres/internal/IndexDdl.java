package io.usagekit.postgres.internal;

import io.usagekit.postgres.TableMapping;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Makes the scripts that create the library's tables and the indexes of a mapping. */
public final class IndexDdl {

    /** How an index is built. */
    public enum Build {
        /** Writes go on; not inside a transaction, not on a partitioned table. */
        CONCURRENTLY(Index.CONCURRENTLY),
        /** Writes to the table wait; may be inside a transaction. */
        BLOCKING(Index.BLOCKING);

        private final String keyword;

        Build(String keyword) {
            this.keyword = keyword;
        }
    }

    private static final String TABLES = "V1__usagekit_tables.sql";

    private IndexDdl() {}

    /** Returns the script of the library's own tables and their indexes; its first statement creates the schema. */
    public static String tables(TableMapping mapping) {
        return SqlTemplate.fill(
                        SqlTemplate.resource("V0__usagekit_schema.sql"),
                        Map.of("schema", Identifiers.quote(mapping.schema())))
                + "\n"
                + SqlTemplate.fill(
                        SqlTemplate.resource(TABLES), SchemaScript.qualified(mapping.schema(), names(mapping)))
                + "\n" + indexes(mapping, Build.BLOCKING);
    }

    /** Returns the statements of the library's own tables. */
    public static SchemaScript script(TableMapping mapping) {
        return script(mapping.schema(), names(mapping), TABLES);
    }

    /** Returns the statements of a script that is a resource. */
    public static SchemaScript script(String schema, Map<String, String> tables, String resource) {
        return SchemaScript.of(SqlTemplate.resource(resource), schema, tables);
    }

    private static Map<String, String> names(TableMapping mapping) {
        return Map.of("projects", mapping.projects(), "events", mapping.events(), "deliveries", mapping.deliveries());
    }

    /** Returns the script of the indexes of the combined query. */
    public static String indexes(TableMapping mapping, Build build) {
        return indexes(mapping).stream()
                .map(index -> create(index, mapping.schema(), index.table(), build, "") + ";\n")
                .collect(Collectors.joining("\n"));
    }

    /** Returns the statement of an index on a table, on one partition of it, or (with {@code only}) on the parent alone. */
    public static String create(Index index, String schema, String relation, Build build, String only) {
        return index.create(schema, relation, build.keyword, only);
    }

    /**
     * Returns the indexes of the combined query: on events by time (not partial, since a deleted event may have been delivered) and on
     * successful deliveries by time. Where sizes are stored, the first one covers the query, and another one finds the rows that
     * still have to be measured.
     */
    public static List<Index> indexes(TableMapping mapping) {
        List<String> window = List.of(mapping.eventProjectId(), mapping.eventCreatedAt());
        List<Index> indexes = new ArrayList<>();
        if (MappedNames.isStorable(mapping)) {
            List<String> covered = new ArrayList<>(List.of(mapping.eventId()));
            covered.addAll(MappedNames.storedColumns(mapping));
            mapping.eventDeletedAt().ifPresent(covered::add);
            indexes.add(new Index(mapping.events(), Index.Columns.of(window, covered)));
            if (!mapping.payload().isEmpty()) {
                indexes.add(new Index(mapping.events(), unstored(mapping, window)));
            }
        } else {
            indexes.add(new Index(mapping.events(), Index.Columns.of(window, List.of())));
        }
        indexes.add(new Index(mapping.deliveries(), delivered(mapping)));
        return List.copyOf(indexes);
    }

    /** An index without the condition would hold the whole window, and finds these rows no faster. */
    private static Index.Columns unstored(TableMapping mapping, List<String> window) {
        String printed = MappedNames.storedColumns(mapping).stream()
                .map(column -> column + "ISNULL")
                .collect(Collectors.joining("OR"));
        return new Index.Columns(
                window, List.of(), MappedNames.isUnstored("", mapping), withoutMarks(printed), List.of());
    }

    private static Index.Columns delivered(TableMapping mapping) {
        List<String> covered = new ArrayList<>(List.of(mapping.deliveryEventId()));
        mapping.deliveryStoredBytes().ifPresent(covered::add);
        String statuses = Identifiers.literals(mapping.deliveredStatuses());
        String printed = mapping.deliveryStatus()
                + (mapping.deliveredStatuses().size() == 1 ? "=" + statuses : "=ANYARRAY[" + statuses + "]");
        return new Index.Columns(
                List.of(mapping.deliveryProjectId(), mapping.deliveryCreatedAt()),
                covered,
                Identifiers.quote(mapping.deliveryStatus()) + " in (" + statuses + ")",
                withoutMarks(printed),
                List.of(mapping.deliveryStatus()));
    }

    private static String withoutMarks(String condition) {
        return condition.replaceAll("[\\s()\"]", "");
    }

    /** Returns the index on deliveries by their event, which roll-ups use when an event's size changes. */
    public static Index eventIdIndex(TableMapping mapping) {
        return new Index(mapping.deliveries(), Index.Columns.of(List.of(mapping.deliveryEventId()), List.of()));
    }
}
