package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.redis.internal.GuardedConnection.Purpose;
import io.usagekit.redis.internal.Link;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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

    /** Sends the read of several entries by a script; the answer is that of {@code read-all.lua}. */
    static CompletableFuture<List<Object>> sendAll(Link redis, List<String> entries) {
        return READ_ALL.run(redis, entries);
    }

    /** Sends the read of several entries by plain commands; the answer is as that of {@link #sendAll}. */
    static CompletableFuture<List<Object>> sendEach(Link redis, List<String> entries) {
        List<CompletableFuture<List<Object>>> reads =
                entries.stream().map(entry -> sendPlainly(redis, entry)).toList();
        CompletableFuture<List<Object>> answer = CompletableFuture.allOf(reads.toArray(CompletableFuture<?>[]::new))
                .thenApply(done -> reads.stream()
                        .flatMap(read -> read.join().stream())
                        .collect(Collectors.toCollection(ArrayList::new))); // missing values are null
        var unused = answer.whenComplete((read, error) -> reads.forEach(one -> one.cancel(false))); // e.g. by a timeout
        return answer;
    }

    private static CompletableFuture<List<Object>> sendPlainly(Link redis, String entry) {
        return EntryRead.send(
                redis,
                entry,
                (value, left) -> Arrays.asList(value == null ? null : new String(value, StandardCharsets.UTF_8), left));
    }

    /** Deletes an unreadable entry, unless it has been replaced since it was read. */
    static CompletionStage<List<Object>> discard(Scripts scripts, String entry, String text) {
        return scripts.scripted(
                entry,
                () -> scripts.run(Purpose.DELETE, answer -> true, DISCARD, List.of(entry), text),
                () -> CompletableFuture.completedFuture(List.of())); // the next figure replaces it
    }
}
