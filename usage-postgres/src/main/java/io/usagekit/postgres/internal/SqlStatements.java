package io.usagekit.postgres.internal;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The statements of a feature over one set of tables, each compiled once. Thread-safe.
 *
 * <p>In a statement, <code>{name}</code> stands for a fragment: one that the caller gives, or one of the same source; and otherwise
 * for a table, column or constant, which is put in literally. Fragments may hold parameters and other fragments.
 */
public final class SqlStatements {

    private static final Pattern REFERENCE = Pattern.compile("\\{([a-z_.-]+)}");

    /**
     * The name of what stands for the types of the columns that statements read. Each statement is sent with it: a driver keeps the types of
     * a text's parameters that the server described, and the server rejects them once a column has another type.
     */
    static final String TYPES = "types";

    /** The conditions of a filter combine in thousands of ways; a host uses few of them. */
    private static final int MOST_KEPT = 1_000;

    private record Key(String statement, Map<String, String> fragments) {}

    private final SqlSource source;
    private final Map<String, String> names;
    private final Map<Key, SqlTemplate> compiled = new ConcurrentHashMap<>();

    private SqlStatements(SqlSource source, Map<String, String> names) {
        this.source = source;
        this.names = Map.copyOf(names);
    }

    /**
     * The statements of a source.
     *
     * @param names what stands for tables, columns and constants, as SQL writes them
     */
    public static SqlStatements of(SqlSource source, Map<String, String> names) {
        return new SqlStatements(source, names);
    }

    /** The same statements with further names, or others. */
    public SqlStatements with(Map<String, String> more) {
        return new SqlStatements(source, merged(more));
    }

    private Map<String, String> merged(Map<String, String> more) {
        Map<String, String> merged = new HashMap<>(names);
        merged.putAll(more);
        return merged;
    }

    /** Where the texts come from. */
    public SqlSource source() {
        return source;
    }

    /**
     * What stands for a table, column or constant, as SQL writes it.
     *
     * @throws IllegalStateException if nothing is given under this name
     */
    public String name(String name) {
        String value = names.get(name);
        if (value == null) {
            throw new IllegalStateException("nothing is given for {" + name + "} of " + source);
        }
        return value;
    }

    /** A statement. Compiled at its first use. */
    public SqlTemplate template(String statement) {
        return template(statement, Map.of());
    }

    /**
     * A statement with these fragments. Compiled at its first use with them.
     *
     * @param fragments texts by the names under which they stand in the statement
     */
    public SqlTemplate template(String statement, Map<String, String> fragments) {
        Key key = new Key(statement, Map.copyOf(fragments));
        SqlTemplate known = compiled.get(key);
        if (known == null) {
            known = compile(key);
            if (compiled.size() < MOST_KEPT) {
                compiled.put(key, known);
            }
        }
        return known;
    }

    private SqlTemplate compile(Key key) {
        try {
            String types = names.containsKey(TYPES) ? "\n/* columns {" + TYPES + "} */" : "";
            return SqlTemplate.of(text(key.statement(), key.fragments()) + types, names);
        } catch (IllegalStateException e) {
            throw new IllegalStateException(
                    "the statement \"" + key.statement() + "\" of " + source + ": " + e.getMessage(), e);
        }
    }

    /** Statements without parameters, as one script; names are put in, comments are left out. */
    public String script(String statement) {
        return script(statement, Map.of());
    }

    /** The same with further names, or others. */
    public String script(String statement, Map<String, String> more) {
        return SqlTemplate.fill(text(statement, Map.of()), merged(more));
    }

    /** The text of a statement or fragment with its fragments put in, without comments; names are still to be put in. */
    public String text(String name, Map<String, String> fragments) {
        return expand(SqlTemplate.withoutComments(source.text(name)), fragments, Set.of(name));
    }

    private String expand(String text, Map<String, String> given, Set<String> within) {
        return REFERENCE.matcher(text).replaceAll(found -> {
            String name = found.group(1);
            String fragment = given.get(name);
            if (fragment == null && source.fragments().contains(name)) {
                fragment = SqlTemplate.withoutComments(source.text(name));
            }
            return Matcher.quoteReplacement(
                    fragment == null ? found.group() : expand(fragment, given, deeper(within, name)));
        });
    }

    private static Set<String> deeper(Set<String> within, String name) {
        if (within.contains(name)) {
            throw new IllegalStateException("the fragment {" + name + "} stands within itself");
        }
        Set<String> deeper = new HashSet<>(within);
        deeper.add(name);
        return deeper;
    }
}
