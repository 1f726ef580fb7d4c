package io.usagekit.redis;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/**
 * What things are called in Redis: entries {@code prefix:organisation:period}, and what belongs to them. Braces are literal: they
 * say which hash slot a key belongs to, and tell the other keys from entries.
 */
record RedisKeys(String prefix) {

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

    /** Whose entry this is: {@link #of} read backwards. Empty if it is nobody's, whatever else it may mean. */
    Optional<UsageKey> parse(String entry) {
        int organisation = prefix.length() + 1;
        int period = entry.lastIndexOf(':') + 1;
        if (!entry.startsWith(prefix + ":") || period <= organisation) {
            return Optional.empty();
        }
        try {
            UsageKey key = new UsageKey(
                    URLDecoder.decode(entry.substring(organisation, period - 1), StandardCharsets.UTF_8),
                    UsagePeriod.parse(entry.substring(period)));
            return Optional.of(key).filter(known -> of(known).equals(entry));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
