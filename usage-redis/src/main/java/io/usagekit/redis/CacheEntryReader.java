package io.usagekit.redis;

import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decodes entries, whichever connection read them. The listener is notified of an unreadable entry, and the entry is deleted
 * unless it has been replaced meanwhile. An entry that is not a string, or not text, is left for the next figure to replace.
 */
final class CacheEntryReader {

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);
    private static final long NO_SUCH_KEY = -2;

    private final Scripts scripts;
    private volatile @Nullable UsageListener listener;

    CacheEntryReader(Scripts scripts) {
        this.scripts = scripts;
    }

    void observe(UsageListener host) {
        listener = host;
    }

    /** Decodes the answer of {@link CacheEntry#send}. Empty if the entry is missing or unreadable. */
    Optional<CacheEntry> decode(UsageKey key, String entry, List<Object> answer) {
        Optional<CacheEntry> read = CacheEntry.decode(key, entry, answer);
        if (read.isEmpty() && !answer.get(1).equals(NO_SUCH_KEY)) {
            notifyUnreadable(key);
            if (answer.get(0) instanceof String text) {
                // Not awaited: for the reader the entry is a miss either way.
                var unused = CacheEntry.discard(scripts, entry, text);
            }
        }
        return read;
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
