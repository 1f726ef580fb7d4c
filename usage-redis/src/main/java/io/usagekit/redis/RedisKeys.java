package io.usagekit.redis;

import io.lettuce.core.cluster.SlotHash;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Names of keys and channels in Redis: entries {@code prefix:organisation:period}, and the keys that belong to them. Braces are
 * literal: they choose a key's hash slot and distinguish the other keys from entries.
 */
record RedisKeys(String prefix) {

    /**
     * Number of channels of sharded wake-ups. Each is for the entries of as many hash slots that follow each other, so that nearly all of them are on the
     * channel's own node. Processes of all versions have to agree on it.
     */
    static final int SHARDS = 256;

    private static final int SLOTS_OF_SHARD = SlotHash.SLOT_COUNT / SHARDS;

    /** The hash tag of each shard's channel: the smallest number in one of its slots. */
    private static final List<String> TAGS = tags();

    private static List<String> tags() {
        Map<Integer, String> tags = new TreeMap<>();
        for (int number = 0; tags.size() < SHARDS; number++) {
            String tag = Integer.toString(number);
            tags.putIfAbsent(SlotHash.getSlot(tag) / SLOTS_OF_SHARD, tag);
        }
        return List.copyOf(tags.values());
    }

    /** Returns the entry of a figure. Both parts are encoded and hold no colon or brace, so keys neither collide nor choose a slot. */
    String of(UsageKey key) {
        return of(key.organisationId(), key.period().canonicalLabel());
    }

    /** Returns the entry of a period, given by its canonical label. */
    String of(String organisationId, String period) {
        return prefix + ":" + encode(organisationId) + ":" + period;
    }

    /** Returns the lock of an entry, in the entry's hash slot. */
    String lock(String entry) {
        return prefix + ":lock:{" + entry + "}";
    }

    /** Returns the fences issued for an entry, in the entry's hash slot. */
    String fences(String entry) {
        return prefix + ":fence:{" + entry + "}";
    }

    /** Returns the entry, its lock and its fences. */
    List<String> all(String entry) {
        return List.of(entry, lock(entry), fences(entry));
    }

    /** Returns the index of the periods that an organisation has entries of. */
    String index(String organisationId) {
        return prefix + ":index:{" + encode(organisationId) + "}";
    }

    /** Returns the channel of wake-ups; each message is an entry. */
    String wakeUps() {
        return prefix + ":wakeups";
    }

    /** Returns the channels of sharded wake-ups. */
    List<String> shards() {
        return TAGS.stream().map(this::ofShard).toList();
    }

    /** Returns the channel of an entry's sharded wake-ups, whose hash slot is most likely on the entry's node; each message is an entry. */
    String shard(String entry) {
        return ofShard(TAGS.get(SlotHash.getSlot(entry) / SLOTS_OF_SHARD));
    }

    private String ofShard(String tag) {
        return wakeUps() + ":{" + tag + "}";
    }

    private static String encode(String organisationId) {
        for (int i = 0; i < organisationId.length(); i++) {
            if (!isUnchanged(organisationId.charAt(i))) {
                return URLEncoder.encode(organisationId, StandardCharsets.UTF_8);
            }
        }
        return organisationId;
    }

    /** Whether {@link URLEncoder} leaves the character as it is. */
    private static boolean isUnchanged(char c) {
        return (c >= 'a' && c <= 'z')
                || (c >= 'A' && c <= 'Z')
                || (c >= '0' && c <= '9')
                || c == '-'
                || c == '_'
                || c == '.'
                || c == '*';
    }

    /** Parses an entry: the inverse of {@link #of}. Empty if the text is not exactly what {@code of} returns for some key. */
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
