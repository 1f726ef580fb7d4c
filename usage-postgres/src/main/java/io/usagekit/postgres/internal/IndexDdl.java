package io.usagekit.postgres.internal;

import io.usagekit.postgres.TableMapping;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Statements that create things, out of the shipped resources. */
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

    private IndexDdl() {}

    /** The library's own tables and their indexes. */
    public static String tables(TableMapping mapping) {
        String tables = SqlTemplate.fill(
                SqlTemplate.resource("V1__usagekit_tables.sql"),
                Map.of(
                        "schema", Identifiers.quote(mapping.schema()),
                        "projects", Identifiers.qualified(mapping.schema(), mapping.projects()),
                        "events", Identifiers.qualified(mapping.schema(), mapping.events()),
                        "deliveries", Identifiers.qualified(mapping.schema(), mapping.deliveries())));
        return tables + "\n" + indexes(mapping, Build.BLOCKING);
    }

    public static String indexes(TableMapping mapping, Build build) {
        return indexes(mapping).stream()
                .map(index -> create(index, mapping.schema(), index.table(), build, "") + ";\n")
                .collect(Collectors.joining("\n"));
    }

    /** On a table, or on one partition of it, or (with {@code only}) on the partitioned table without its partitions. */
    public static String create(Index index, String schema, String relation, Build build, String only) {
        return index.create(schema, relation, build.keyword, only);
    }

    /**
     * Of the window's events (not partial: a deleted event may have been delivered) and of its successful deliveries. Where
     * sizes are stored, the events' index covers the query, and a second one finds the rows that still have to be measured.
     */
    public static List<Index> indexes(TableMapping mapping) {
        String window = columns(mapping.eventProjectId(), mapping.eventCreatedAt());
        String deliveries = columns(mapping.deliveryProjectId(), mapping.deliveryCreatedAt()) + " include "
                + columns(mapping.deliveryEventId()) + " where " + Identifiers.quote(mapping.deliveryStatus()) + " in ("
                + Identifiers.literals(mapping.deliveredStatuses()) + ")";
        List<Index> indexes = new ArrayList<>();
        if (mapping.storedBytes().isEmpty()) {
            indexes.add(new Index(mapping.events(), window));
        } else {
            String stored = mapping.storedBytes().get();
            List<String> covered = new ArrayList<>(List.of(mapping.eventId(), stored));
            mapping.eventDeletedAt().ifPresent(covered::add);
            indexes.add(new Index(mapping.events(), window + " include " + columns(covered.toArray(String[]::new))));
            if (!mapping.payload().isEmpty()) {
                indexes.add(new Index(mapping.events(), window + " where " + Identifiers.quote(stored) + " is null"));
            }
        }
        indexes.add(new Index(mapping.deliveries(), deliveries));
        return List.copyOf(indexes);
    }

    /** Of the deliveries of an event, whenever they were made: what roll-ups ask for when an event's size changes. */
    public static Index eventIdIndex(TableMapping mapping) {
        return new Index(mapping.deliveries(), columns(mapping.deliveryEventId()));
    }

    private static String columns(String... names) {
        return Stream.of(names).map(Identifiers::quote).collect(Collectors.joining(", ", "(", ")"));
    }
}
