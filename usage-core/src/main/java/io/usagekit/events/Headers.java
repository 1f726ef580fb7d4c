package io.usagekit.events;

import io.usagekit.internal.Json;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/**
 * Conversions of an event's headers, for implementations of {@link EventRepository}. Maps are in the order of names, and unmodifiable.
 *
 * @since 0.1
 */
public final class Headers {

    private static final String SET_COOKIE = "set-cookie";

    private Headers() {}

    /** Checks headers that are to be recorded, and puts their names into lower case. */
    static SortedMap<String, List<String>> of(Map<String, ? extends Collection<String>> headers) {
        SortedMap<String, List<String>> normalised = new TreeMap<>();
        headers.forEach((name, values) -> {
            String key = Bounds.id("header", name).toLowerCase(Locale.ROOT);
            if (normalised.put(key, checked(key, values)) != null) {
                throw new IllegalArgumentException(
                        "headers must name each header once, whatever its case, but has " + key + " twice");
            }
        });
        return Collections.unmodifiableSortedMap(normalised);
    }

    private static List<String> checked(String name, Collection<String> values) {
        boolean isSingle = name.equals(Event.BROKER_MESSAGE_ID);
        if (values.isEmpty() || (isSingle && values.size() > 1)) {
            throw new IllegalArgumentException(
                    name + " must have " + (isSingle ? "one value" : "a value") + ", but has " + values.size());
        }
        for (String value : values) {
            if (isSingle) {
                Bounds.word(name, value);
            } else {
                Bounds.storable(name, value);
            }
        }
        return List.copyOf(values);
    }

    /** Copies headers as they are. */
    static SortedMap<String, List<String>> copy(Map<String, List<String>> headers) {
        return mapValues(headers, (name, values) -> List.copyOf(values));
    }

    /** Puts the value of each name into a list. */
    static SortedMap<String, List<String>> lists(Map<String, String> headers) {
        return mapValues(headers, (name, value) -> Collections.singletonList(value));
    }

    /** Joins the values of each name to one text. */
    static SortedMap<String, String> combined(Map<String, List<String>> headers) {
        return mapValues(
                headers,
                (name, values) -> String.join(
                        ", ",
                        name.equalsIgnoreCase(SET_COOKIE) ? values.subList(0, Math.min(1, values.size())) : values));
    }

    /** Octets of all names and values. */
    public static long octets(Map<String, List<String>> headers) {
        return headers.entrySet().stream()
                .flatMap(header -> Stream.concat(Stream.of(header.getKey()), header.getValue().stream()))
                .mapToLong(Bounds::octets)
                .sum();
    }

    /** Headers as a JSON object: of strings, or arrays of strings where a name has several values. */
    public static String toJson(Map<String, List<String>> headers) {
        return headers.isEmpty() ? "{}" : Json.write(jsonObject(headers));
    }

    /** The members of {@link #toJson}: strings and lists of strings. */
    public static Map<String, Object> jsonObject(Map<String, List<String>> headers) {
        return mapValues(headers, (name, values) -> values.size() == 1 ? values.get(0) : values);
    }

    private static <V, W> SortedMap<String, W> mapValues(Map<String, V> headers, BiFunction<String, V, W> change) {
        SortedMap<String, W> changed = new TreeMap<>();
        headers.forEach((name, value) -> changed.put(name, change.apply(name, value)));
        return Collections.unmodifiableSortedMap(changed);
    }
}
