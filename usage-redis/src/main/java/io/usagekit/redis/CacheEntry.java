package io.usagekit.redis;

import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.usagekit.AgedUsage;
import io.usagekit.UsageKey;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Content of an entry in Redis when it was read.
 *
 * @param figure the figure and its age
 * @param remainingMillis the entry's remaining time to live, in milliseconds
 */
record CacheEntry(AgedUsage figure, long remainingMillis) {

    private static final Script READ_ALL = Script.resource("read-all.lua");
    private static final Script DISCARD = Script.resource("discard.lua");

    /** Sends the read; the answer is for {@link #decode}. */
    static CompletableFuture<List<Object>> send(StatefulRedisConnection<String, String> redis, String entry) {
        return EntryRead.send(redis, entry);
    }

    /** Sends the read of several entries; the answer is that of {@code read-all.lua}, for {@link #answerOf}. */
    static CompletableFuture<List<Object>> sendAll(RedisAsyncCommands<String, String> redis, List<String> entries) {
        return READ_ALL.run(redis, entries);
    }

    /** Returns one entry's part of the answer of {@code read-all.lua}, which is an answer as that of {@link #send}. */
    static List<Object> answerOf(List<Object> all, int entry) {
        return all.subList(2 * entry, 2 * entry + 2);
    }

    /** Deletes an unreadable entry, unless it has been replaced since it was read. */
    static CompletableFuture<List<Object>> discard(
            RedisAsyncCommands<String, String> redis, String entry, String text) {
        return DISCARD.run(redis, List.of(entry), text);
    }

    /** Decodes the answer of {@link #send}. Empty if the entry is missing or unreadable. */
    static Optional<CacheEntry> decode(UsageKey key, String entry, List<Object> answer) {
        return answer.get(0) instanceof String text && answer.get(1) instanceof Long remaining
                ? FigureCodec.read(key, entry, text, remaining).map(figure -> new CacheEntry(figure, remaining))
                : Optional.empty();
    }
}
