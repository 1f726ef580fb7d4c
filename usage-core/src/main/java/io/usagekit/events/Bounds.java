package io.usagekit.events;

import io.usagekit.internal.Arguments;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Objects;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * Bounds of the ledger's values, for implementations. Ids and keys stand in indexes, whose entries PostgreSQL limits.
 *
 * @since 0.1
 */
public final class Bounds {

    /** The longest id, key, type or status, in octets of UTF-8. */
    public static final int MAX_OCTETS = 255;

    /** The longest path, query, failure reason or metadata, in octets of UTF-8: common HTTP servers accept no longer request line by default. */
    public static final int MAX_TEXT_OCTETS = 8_192;

    private static final Instant EARLIEST = Instant.parse("0001-01-01T00:00:00Z");
    private static final Instant LATEST = Instant.parse("9999-12-31T23:59:59.999999Z");

    private Bounds() {}

    /**
     * An id: not blank, and as {@link #word}.
     *
     * @throws IllegalArgumentException if it is out of bounds
     */
    public static String id(String argument, String id) {
        word(argument, id);
        if (id.isBlank()) {
            throw new IllegalArgumentException(argument + " must not be blank, but was " + Arguments.quote(id));
        }
        return id;
    }

    /** {@link #id} of each, without repetitions, in their order. */
    public static Set<String> ids(String argument, Collection<String> ids) {
        Set<String> distinct = new LinkedHashSet<>();
        for (String id : ids) {
            distinct.add(id(argument, id));
        }
        return distinct;
    }

    /**
     * A text of at most {@value #MAX_OCTETS} octets, and as {@link #storable}.
     *
     * @throws IllegalArgumentException if it is out of bounds
     */
    public static String word(String argument, String text) {
        return atMost(MAX_OCTETS, argument, text, Bounds::quoted);
    }

    /**
     * A text of at most {@value #MAX_TEXT_OCTETS} octets, and as {@link #storable}.
     *
     * @throws IllegalArgumentException if it is out of bounds; doesn't quote the text, which may be private
     */
    public static String text(String argument, String text) {
        return atMost(MAX_TEXT_OCTETS, argument, text, Bounds::unquoted);
    }

    private static String atMost(int maxOctets, String argument, String text, UnaryOperator<String> shown) {
        storable(argument, text, shown);
        // No character takes more than three octets, and most take one.
        if (text.length() > maxOctets / 3 && octets(text) > maxOctets) {
            throw new IllegalArgumentException(argument + " must have at most " + maxOctets + " octets, but has "
                    + octets(text) + shown.apply(text));
        }
        return text;
    }

    /**
     * A text that PostgreSQL can hold. The exception doesn't quote it: it may be private.
     *
     * @throws IllegalArgumentException if it has U+0000 or an unpaired surrogate
     */
    static String storable(String argument, String text) {
        return storable(argument, text, Bounds::unquoted);
    }

    private static String storable(String argument, String text, UnaryOperator<String> shown) {
        Objects.requireNonNull(text, argument);
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException(argument + " must not contain U+0000" + shown.apply(text));
        }
        if (Arguments.hasUnpairedSurrogate(text)) {
            throw new IllegalArgumentException(
                    argument + " must be well-formed Unicode, but has an unpaired surrogate" + shown.apply(text));
        }
        return text;
    }

    private static String quoted(String text) {
        return ": " + Arguments.quote(text);
    }

    private static String unquoted(String text) {
        return "";
    }

    /** The size of a text, for logs that leave the text out. */
    static String size(String text) {
        return octets(text) + " octets";
    }

    static int octets(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    /**
     * An instant as PostgreSQL stores it: truncated to microseconds.
     *
     * @throws IllegalArgumentException if it isn't in the years 1 to 9999
     */
    static Instant instant(String argument, Instant instant) {
        Instant truncated = instant.truncatedTo(ChronoUnit.MICROS);
        if (truncated.isBefore(EARLIEST) || truncated.isAfter(LATEST)) {
            throw new IllegalArgumentException(
                    argument + " must be between " + EARLIEST + " and " + LATEST + ", but was " + instant);
        }
        return truncated;
    }
}
