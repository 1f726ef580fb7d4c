package io.usagekit.redis;

import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.redis.GuardedConnection.Purpose;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What was read, whichever connection it was read on. Something that can't be read is told to the listener and deleted, unless it
 * has been replaced meanwhile; what is no string, or no text, is left for the next figure to replace.
 */
final class CacheEntryReader {

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);
    private static final long NO_SUCH_KEY = -2;

    private final GuardedConnection link;
    private final RedisKeys keys;
    private volatile @Nullable UsageListener listener;

    CacheEntryReader(GuardedConnection link, RedisKeys keys) {
        this.link = link;
        this.keys = keys;
    }

    void observe(UsageListener host) {
        listener = host;
    }

    /** Empty if nothing is there, or nothing that can be read. */
    Optional<CacheEntry> decode(UsageKey key, List<Object> answer) {
        Optional<CacheEntry> read = CacheEntry.decode(key, answer);
        if (read.isEmpty() && !answer.get(1).equals(NO_SUCH_KEY)) {
            tell(key);
            if (answer.get(0) instanceof String text) {
                // Nobody waits for it: to a reader it's a miss either way.
                var unused = link.send(Purpose.FORGET, redis -> CacheEntry.discard(redis, keys.of(key), text));
            }
        }
        return read;
    }

    private void tell(UsageKey key) {
        UsageListener host = listener;
        if (host != null) {
            try {
                host.entryUnreadable(key);
            } catch (Throwable e) {
                LOG.warn("a usage listener threw; the read goes on without it", e);
            }
        }
    }
}
