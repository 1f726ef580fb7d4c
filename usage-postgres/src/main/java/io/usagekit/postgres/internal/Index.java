package io.usagekit.postgres.internal;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.zip.CRC32;

/**
 * The definition of an index.
 *
 * @param table the table's name
 * @param definition what follows the table's name in {@code CREATE INDEX}
 * @param name on the table, if it has a name of its own
 * @param columns by which another index that serves as well is found; empty if this one is found by its name only
 */
public record Index(String table, String definition, Optional<String> name, Optional<Columns> columns) {

    /**
     * The columns of an index.
     *
     * @param keys in their order
     * @param covered columns that are read from it besides
     * @param condition of its rows, as SQL; empty for none
     * @param printed the condition as PostgreSQL prints it, without casts, brackets, spaces and quotes of names
     * @param unconditional what an index without a condition has to hold to serve as well; empty if none does
     */
    public record Columns(
            List<String> keys, List<String> covered, String condition, String printed, List<String> unconditional) {

        /** Of an index that is found by its name only: no other one begins with no keys. */
        static final Columns NONE = new Columns(List.of(), List.of(), "", "", List.of());

        public Columns {
            keys = List.copyOf(keys);
            covered = List.copyOf(covered);
            unconditional = List.copyOf(unconditional);
        }

        /** The columns of an index without a condition. */
        static Columns of(List<String> keys, List<String> covered) {
            return new Columns(keys, covered, "", "", keys);
        }

        private String definition() {
            return list(keys)
                    + (covered.isEmpty() ? "" : " include " + list(covered))
                    + (condition.isEmpty() ? "" : " where " + condition);
        }

        private static String list(List<String> names) {
            return names.stream().map(Identifiers::quote).collect(Collectors.joining(", ", "(", ")"));
        }
    }

    /** Keyword: the index is built while writes go on; not inside a transaction, not on a partitioned table. */
    public static final String CONCURRENTLY = "concurrently ";

    /** No keyword: writes to the table wait for the build; may be inside a transaction. */
    public static final String BLOCKING = "";

    /** Keyword: on a partitioned table without its partitions. */
    public static final String ONLY = "only ";

    private static final int MAX_IDENTIFIER_BYTES = 63;

    private static final SqlStatements STATEMENTS = SqlStatements.of(SqlFiles.of("catalog.sql"), Map.of());

    /** Creates the definition of an index that is named after its table and definition. */
    public Index(String table, String definition) {
        this(table, definition, Optional.empty(), Optional.empty());
    }

    /** Creates the definition of an index that has a name of its own. */
    Index(String table, String definition, String name) {
        this(table, definition, Optional.of(name), Optional.empty());
    }

    /** Creates the definition of an index for which another one with these columns may serve as well. */
    Index(String table, Columns columns) {
        this(table, columns.definition(), Optional.empty(), Optional.of(columns));
    }

    /**
     * Returns the index's name on a table or one of its partitions. It carries a digest of the definition, so that another definition
     * makes another index rather than finding this one.
     */
    public String nameOn(String relation) {
        if (name.isPresent() && relation.equals(table)) {
            return name.get();
        }
        return named(relation, String.format(Locale.ROOT, "_usage_%08x", digest(definition)));
    }

    /** Returns the name of an object that belongs to a relation, of at most 63 bytes. */
    public static String named(String relation, String suffix) {
        return cut(relation, MAX_IDENTIFIER_BYTES - suffix.length()) + suffix;
    }

    /** Shortens a name, with a digest of it: long names of partitions often differ at their end only. */
    private static String cut(String name, int bytes) {
        if (name.getBytes(StandardCharsets.UTF_8).length <= bytes) {
            return name;
        }
        String suffix = String.format(Locale.ROOT, "_%08x", digest(name));
        int end = name.length();
        while (name.substring(0, end).getBytes(StandardCharsets.UTF_8).length > bytes - suffix.length()) {
            end = name.offsetByCodePoints(end, -1);
        }
        return name.substring(0, end) + suffix;
    }

    private static long digest(String text) {
        CRC32 digest = new CRC32();
        digest.update(text.getBytes(StandardCharsets.UTF_8));
        return digest.getValue();
    }

    /**
     * Returns the statement that creates the index where it is missing.
     *
     * @param relation the table, or one partition of it
     * @param how {@link #CONCURRENTLY} or {@link #BLOCKING}
     * @param only {@link #ONLY} or nothing
     */
    public String create(String schema, String relation, String how, String only) {
        return STATEMENTS.script(
                "create-index",
                Map.of(
                        "concurrently",
                        how,
                        "index",
                        Identifiers.quote(nameOn(relation)),
                        "table",
                        only + Identifiers.qualified(schema, relation),
                        "definition",
                        definition));
    }
}
