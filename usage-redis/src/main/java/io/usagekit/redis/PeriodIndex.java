package io.usagekit.redis;

import io.usagekit.UsageKey;
import io.usagekit.redis.GuardedConnection.Purpose;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * What caches and flights do alike: note an organisation's periods, and forget entries. An entry is noted before it is stored,
 * and before it begins to be computed, and what is noted lapses with time only: whoever forgets an organisation's entries finds
 * each of them, and each that is being computed.
 */
final class PeriodIndex {

    private static final Script INDEX = Script.resource("state.lua", "index.lua");
    private static final Script PERIODS = Script.resource("periods.lua");
    private static final Script INVALIDATE = Script.resource("state.lua", "invalidate.lua");

    /** How many entries are forgotten at once: well within any command timeout. */
    private static final int BATCH = 100;

    private final GuardedConnection link;
    private final RedisKeys keys;

    PeriodIndex(GuardedConnection link, RedisKeys keys) {
        this.link = link;
        this.keys = keys;
    }

    /** Notes an entry that may live this long from now on. */
    CompletionStage<Void> note(UsageKey key, long millis) {
        String index = keys.index(key.organisationId());
        String period = key.period().canonicalLabel();
        return link.send(Purpose.INDEX, redis -> INDEX.run(redis, List.of(index), period, Long.toString(millis)))
                .thenAccept(done -> {});
    }

    CompletionStage<Void> invalidate(UsageKey key) {
        return invalidateEntry(keys.of(key));
    }

    /** Takes one command timeout, and one more for each hundred periods, at the most. */
    CompletionStage<Void> invalidate(String organisationId) {
        String index = keys.index(organisationId);
        return link.send(Purpose.FORGET, periods -> false, redis -> PERIODS.run(redis, index))
                .thenCompose(periods -> invalidateEntries(periods.stream()
                        .map(period -> keys.of(organisationId, (String) period))
                        .toList()));
    }

    private CompletionStage<Void> invalidateEntries(List<String> entries) {
        if (entries.isEmpty()) {
            return CompletableFuture.completedFuture(null);
        }
        int batch = Math.min(BATCH, entries.size());
        CompletableFuture<?>[] forgotten = entries.subList(0, batch).stream()
                .map(entry -> invalidateEntry(entry).toCompletableFuture())
                .toArray(CompletableFuture<?>[]::new);
        return CompletableFuture.allOf(forgotten)
                .thenCompose(done -> invalidateEntries(entries.subList(batch, entries.size())));
    }

    private CompletionStage<Void> invalidateEntry(String entry) {
        return link.send(Purpose.FORGET, redis -> INVALIDATE.run(redis, keys.all(entry), keys.wakeUps()))
                .thenAccept(done -> {});
    }
}
