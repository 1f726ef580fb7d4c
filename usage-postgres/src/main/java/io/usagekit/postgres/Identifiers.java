package io.usagekit.postgres;

import java.util.Collection;
import java.util.stream.Collectors;

/** Names and constants as SQL writes them. */
final class Identifiers {

    private Identifiers() {}

    static String quote(String identifier) {
        return '"' + identifier.replace("\"", "\"\"") + '"';
    }

    static String qualified(String schema, String table) {
        return quote(schema) + "." + quote(table);
    }

    /** A string constant, the same whatever {@code standard_conforming_strings} says. */
    static String literal(String value) {
        String quoted = '\'' + value.replace("'", "''") + '\'';
        return quoted.indexOf('\\') < 0 ? quoted : "E" + quoted.replace("\\", "\\\\");
    }

    static String literals(Collection<String> values) {
        return values.stream().map(Identifiers::literal).collect(Collectors.joining(", "));
    }
}
