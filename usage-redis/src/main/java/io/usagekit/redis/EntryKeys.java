package io.usagekit.redis;

import io.usagekit.UsageKey;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;

/** What entries are called in Redis: {@code prefix:organisation:period}. */
record EntryKeys(String prefix) {

    /** Encoded, neither part can hold a colon or a brace: keys can't collide, nor choose their hash slot. */
    String of(UsageKey key) {
        return prefix + ":" + URLEncoder.encode(key.organisationId(), StandardCharsets.UTF_8) + ":"
                + key.period().canonicalLabel();
    }
}
