package io.usagekit.postgres.internal;

import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32;

/**
 * The definition of an index.
 *
 * @param table the table's name
 * @param definition what follows the table's name in {@code CREATE INDEX}
 * @param name on the table, if it has a name of its own
 */
public record Index(String table, String definition, Optional<String> name) {

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
        this(table, definition, Optional.empty());
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
