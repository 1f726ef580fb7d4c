package io.usagekit.clickhouse;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.ToLongFunction;

/** Divides values among statements, none of which becomes longer than a server parses. */
final class StatementParts {

    /** The octets of a statement's values. A server parses 262,144 octets of a statement by default ({@code max_query_size}). */
    static final int MOST_OCTETS = 200_000;

    private StatementParts() {}

    /** Returns the values in parts, each of which has one at least. */
    static <T> List<List<T>> of(Collection<T> values, ToLongFunction<T> octetsOf) {
        return of(values, octetsOf, 0);
    }

    /**
     * Returns the values in parts.
     *
     * @param others how many octets other values take in each statement
     */
    static <T> List<List<T>> of(Collection<T> values, ToLongFunction<T> octetsOf, long others) {
        List<List<T>> parts = new ArrayList<>();
        long octets = 0;
        for (T value : values) {
            long more = octetsOf.applyAsLong(value);
            octets += more;
            if (parts.isEmpty() || octets > MOST_OCTETS - others) {
                parts.add(new ArrayList<>());
                octets = more;
            }
            parts.get(parts.size() - 1).add(value);
        }
        return parts;
    }

    /** Returns how many octets an id takes in a statement, at most: characters that are escaped take up to four. */
    static long octets(String id) {
        return id.codePoints()
                .mapToLong(c -> c == '\'' || c == '\\' || c < ' '
                        ? 4
                        : Character.toString(c).getBytes(StandardCharsets.UTF_8).length)
                .sum();
    }
}
