package io.usagekit.events;

import io.usagekit.internal.Json;
import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * An event's headers: names in lower case, in their order.
 *
 * @since 0.1
 */
public final class Headers {

    private Headers() {}

    static SortedMap<String, String> of(Map<String, String> headers) {
        SortedMap<String, String> normalised = new TreeMap<>();
        headers.forEach((name, value) -> {
            String key = Bounds.id("header", name).toLowerCase(Locale.ROOT);
            if (key.equals(Event.BROKER_MESSAGE_ID)) {
                Bounds.word(key, value);
            }
            if (normalised.put(key, Bounds.storable(key, value)) != null) {
                throw new IllegalArgumentException(
                        "headers must name each header once, whatever its case, but has " + key + " twice");
            }
        });
        return Collections.unmodifiableSortedMap(normalised);
    }

    /** Headers as a JSON object of strings, for implementations of {@link EventRepository}. */
    public static String toJson(Map<String, String> headers) {
        return headers.isEmpty() ? "{}" : Json.write(headers);
    }
}
