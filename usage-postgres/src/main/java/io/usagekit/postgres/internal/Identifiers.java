package io.usagekit.postgres.internal;

import java.util.Collection;
import java.util.stream.Collectors;

/** Names and constants as SQL writes them. */
public final class Identifiers {

    private Identifiers() {}

    /** A name, quoted. */
    public static String quote(String identifier) {
        return '"' + identifier.replace("\"", "\"\"") + '"';
    }

    /** A table's name with its schema, quoted. */
    public static String qualified(String schema, String table) {
        return quote(schema) + "." + quote(table);
    }

    /** A string constant, the same whatever {@code standard_conforming_strings} says. */
    public static String literal(String value) {
        String quoted = '\'' + value.replace("'", "''") + '\'';
        return quoted.indexOf('\\') < 0 ? quoted : "E" + quoted.replace("\\", "\\\\");
    }

    /** String constants, separated by commas. */
    public static String literals(Collection<String> values) {
        return values.stream().map(Identifiers::literal).collect(Collectors.joining(", "));
    }
}
