package io.usagekit.redis;

import io.usagekit.UsageKey;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What things are called in Redis: entries {@code prefix:organisation:period}, and what belongs to them. Braces are literal: they
 * say which hash slot a key belongs to, and tell the other keys from entries.
 */
record EntryKeys(String prefix) {

    /** Encoded, neither part can hold a colon or a brace: keys can't collide, nor choose their hash slot. */
    String of(UsageKey key) {
        return of(key.organisationId(), key.period().canonicalLabel());
    }

    /** The entry of a period by its canonical label. */
    String of(String organisationId, String period) {
        return prefix + ":" + encode(organisationId) + ":" + period;
    }

    /** Who computes this entry. It shares the entry's hash slot. */
    String lock(String entry) {
        return prefix + ":lock:{" + entry + "}";
    }

    /** The fences issued for this entry. They share the entry's hash slot. */
    String fences(String entry) {
        return prefix + ":fence:{" + entry + "}";
    }

    /** The entry, its lock and its fences. */
    List<String> all(String entry) {
        return List.of(entry, lock(entry), fences(entry));
    }

    /** The periods that this organisation has entries of. */
    String index(String organisationId) {
        return prefix + ":index:{" + encode(organisationId) + "}";
    }

    /** The channel on which entries are named that somebody may wait for. */
    String wakeUps() {
        return prefix + ":wakeups";
    }

    private static String encode(String organisationId) {
        return URLEncoder.encode(organisationId, StandardCharsets.UTF_8);
    }
}
