package io.usagekit.redis;

import io.usagekit.UsageKey;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** Reads many entries with few commands. */
final class BulkRead {

    /** Entries of one command: it keeps Redis busy for well under a millisecond. */
    private static final int MAX_ENTRIES = 1_000;

    private BulkRead() {}

    /**
     * Reads entries, at most {@value #MAX_ENTRIES} with each command.
     *
     * @param send sends the read of these entries; its answer is that of {@code read-all.lua}
     * @return a future for each key
     */
    static Map<UsageKey, CompletableFuture<Optional<CacheEntry>>> of(
            Collection<UsageKey> all,
            RedisKeys names,
            CacheEntryReader reader,
            Function<List<String>, CompletableFuture<List<Object>>> send) {
        Map<UsageKey, CompletableFuture<Optional<CacheEntry>>> reads = new LinkedHashMap<>();
        List<UsageKey> keys = new ArrayList<>(all);
        for (int from = 0; from < keys.size(); from += MAX_ENTRIES) {
            List<UsageKey> some = keys.subList(from, Math.min(keys.size(), from + MAX_ENTRIES));
            List<String> entries = some.stream().map(names::of).toList();
            CompletableFuture<List<Object>> answer = send.apply(entries);
            for (int i = 0; i < some.size(); i++) {
                UsageKey key = some.get(i);
                int at = i;
                reads.put(key, answer.thenApply(found -> reader.decode(key, entries.get(at), found, at)));
            }
        }
        return reads;
    }
}
