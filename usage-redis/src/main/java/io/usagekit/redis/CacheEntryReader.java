package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.redis.internal.Link;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decodes entries, whichever connection read them. The listener is notified of an unreadable entry, and the entry is deleted
 * unless it has been replaced meanwhile. An entry that is not a string, or not text, is left for the next figure to replace.
 */
final class CacheEntryReader {

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);

    private final Scripts scripts;
    private volatile @Nullable UsageListener listener;

    CacheEntryReader(Scripts scripts) {
        this.scripts = scripts;
    }

    void observe(UsageListener host) {
        listener = host;
    }

    /** Sends the read of an entry with its remaining time to live. Empty if the entry is missing or unreadable. */
    CompletableFuture<Optional<CacheEntry>> send(Link redis, UsageKey key, String entry) {
        return EntryRead.send(redis, entry, (value, left) -> decode(key, entry, value, left));
    }

    /** Sends the read of an entry's figure. Empty if the entry is missing or unreadable. */
    CompletableFuture<Optional<AgedUsage>> sendFigure(Link redis, UsageKey key, String entry) {
        return EntryRead.send(redis, entry, (value, left) -> decodeFigure(key, entry, value, left));
    }

    /** Decodes one entry's part of the answer of {@code read-all.lua}. Empty if the entry is missing or unreadable. */
    Optional<CacheEntry> decode(UsageKey key, String entry, List<Object> all, int at) {
        byte[] value = all.get(2 * at) instanceof String text ? text.getBytes(StandardCharsets.UTF_8) : null;
        return decode(key, entry, value, (Long) all.get(2 * at + 1));
    }

    private Optional<CacheEntry> decode(UsageKey key, String entry, byte @Nullable [] value, long left) {
        return decodeFigure(key, entry, value, left).map(figure -> new CacheEntry(figure, left));
    }

    private Optional<AgedUsage> decodeFigure(UsageKey key, String entry, byte @Nullable [] value, long left) {
        Optional<AgedUsage> figure = value == null ? Optional.empty() : FigureCodec.read(key, entry, value, left);
        if (figure.isEmpty() && left != EntryRead.MISSING) {
            notifyUnreadable(key);
            if (value != null) {
                // Not awaited: for the reader the entry is a miss either way.
                var unused = CacheEntry.discard(scripts, entry, new String(value, StandardCharsets.UTF_8));
            }
        }
        return figure;
    }

    private void notifyUnreadable(UsageKey key) {
        UsageListener host = listener;
        if (host != null) {
            try {
                host.entryUnreadable(key);
            } catch (Throwable e) {
                LOG.warn("the usage listener threw in entryUnreadable({}); the exception is ignored", key, e);
            }
        }
    }
}
