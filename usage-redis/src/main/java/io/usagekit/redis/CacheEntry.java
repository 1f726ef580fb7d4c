package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.UsageKey;
import io.usagekit.redis.internal.GuardedConnection.Purpose;
import io.usagekit.redis.internal.Link;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.stream.Collectors;

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
    static CompletableFuture<List<Object>> send(Link redis, String entry) {
        return EntryRead.send(redis, entry);
    }

    /** Sends the read of several entries by a script; the answer is that of {@code read-all.lua}, for {@link #answerOf}. */
    static CompletableFuture<List<Object>> sendAll(Link redis, List<String> entries) {
        return READ_ALL.run(redis, entries);
    }

    /** Sends the read of several entries by plain commands; the answer is as that of {@link #sendAll}. */
    static CompletableFuture<List<Object>> sendEach(Link redis, List<String> entries) {
        List<CompletableFuture<List<Object>>> reads =
                entries.stream().map(entry -> send(redis, entry)).toList();
        CompletableFuture<List<Object>> answer = CompletableFuture.allOf(reads.toArray(CompletableFuture<?>[]::new))
                .thenApply(done -> reads.stream()
                        .flatMap(read -> read.join().stream())
                        .collect(Collectors.toCollection(ArrayList::new))); // missing values are null
        var unused = answer.whenComplete((read, error) -> reads.forEach(one -> one.cancel(false))); // e.g. by a timeout
        return answer;
    }

    /** Returns one entry's part of the answer of {@code read-all.lua}, which is an answer as that of {@link #send}. */
    static List<Object> answerOf(List<Object> all, int entry) {
        return all.subList(2 * entry, 2 * entry + 2);
    }

    /** Deletes an unreadable entry, unless it has been replaced since it was read. */
    static CompletionStage<List<Object>> discard(Scripts scripts, String entry, String text) {
        return scripts.scripted(
                entry,
                () -> scripts.run(Purpose.DELETE, answer -> true, DISCARD, List.of(entry), text),
                () -> CompletableFuture.completedFuture(List.of())); // the next figure replaces it
    }

    /** Decodes the answer of {@link #send}. Empty if the entry is missing or unreadable. */
    static Optional<CacheEntry> decode(UsageKey key, String entry, List<Object> answer) {
        return answer.get(0) instanceof String text && answer.get(1) instanceof Long remaining
                ? FigureCodec.read(key, entry, text, remaining).map(figure -> new CacheEntry(figure, remaining))
                : Optional.empty();
    }
}
