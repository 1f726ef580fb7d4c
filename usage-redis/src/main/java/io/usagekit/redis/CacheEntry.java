package io.usagekit.redis;

import io.lettuce.core.api.async.RedisAsyncCommands;
import io.usagekit.AgedUsage;
import io.usagekit.UsageKey;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * What an entry held when it was read.
 *
 * @param figure the figure and its age
 * @param left how many milliseconds the entry had to live
 */
record CacheEntry(AgedUsage figure, long left) {

    private static final Script READ = Script.resource("read.lua");
    private static final Script DISCARD = Script.resource("discard.lua");

    /** Sends the read: {@code read.lua}'s answer, to be {@link #decode decoded}. */
    static CompletableFuture<List<Object>> send(RedisAsyncCommands<String, String> redis, String entry) {
        return READ.run(redis, entry);
    }

    /** Deletes what can't be read, unless it has been replaced since. */
    static CompletableFuture<List<Object>> discard(
            RedisAsyncCommands<String, String> redis, String entry, String text) {
        return DISCARD.run(redis, List.of(entry), text);
    }

    /** Empty if nothing is there, or nothing that can be read. */
    static Optional<CacheEntry> decode(UsageKey key, List<Object> answer) {
        return answer.get(0) instanceof String text && answer.get(1) instanceof Long left
                ? FigureCodec.read(key, text, left).map(figure -> new CacheEntry(figure, left))
                : Optional.empty();
    }
}
