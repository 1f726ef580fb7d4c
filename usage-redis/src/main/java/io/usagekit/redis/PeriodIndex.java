package io.usagekit.redis;

import io.usagekit.UsageKey;
import io.usagekit.redis.GuardedConnection.Purpose;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * Index of each organisation's periods, and the invalidation of entries through it; shared by cache and flight store. A period is
 * added before its entry is stored and before its computation starts, and is removed by expiry only, so the invalidation of an
 * organisation finds every stored entry and every load in flight.
 */
final class PeriodIndex {

    private static final Script INDEX = Script.resource("state.lua", "index.lua");
    private static final Script PERIODS = Script.resource("state.lua", "periods.lua");
    private static final Script INVALIDATE = Script.resource("state.lua", "invalidate.lua");

    /** Number of entries invalidated at once: well within any command timeout. */
    private static final int BATCH = 100;

    private final GuardedConnection connection;
    private final RedisKeys keys;

    PeriodIndex(GuardedConnection connection, RedisKeys keys) {
        this.connection = connection;
        this.keys = keys;
    }

    /** Adds the period of an entry that may live this long from now on. */
    CompletionStage<Void> add(UsageKey key, long millis) {
        String index = keys.index(key.organisationId());
        String period = key.period().canonicalLabel();
        String entries = keys.of(key.organisationId(), "");
        return connection
                .run(Purpose.INDEX, answer -> true, INDEX, List.of(index), period, Long.toString(millis), entries)
                .thenAccept(done -> {});
    }

    /** Whether both are known to be over the same data. */
    boolean isOverSameData(PeriodIndex other) {
        return keys.equals(other.keys) && connection.isOfSameClient(other.connection);
    }

    /** Invalidates one entry. */
    CompletionStage<Void> invalidate(UsageKey key) {
        return invalidateEntry(keys.of(key));
    }

    /**
     * Invalidates all entries of an organisation; takes at most one command timeout, and one more per hundred periods. Fails if a
     * value of another type is in the index's place.
     */
    CompletionStage<Void> invalidate(String organisationId) {
        String index = keys.index(organisationId);
        return connection
                .run(Purpose.DELETE, periods -> false, PERIODS, List.of(index), keys.of(organisationId, ""))
                .thenCompose(periods -> invalidateEntries(periods.stream()
                        .map(period -> keys.of(organisationId, (String) period))
                        .toList()));
    }

    private CompletionStage<Void> invalidateEntries(List<String> entries) {
        if (entries.isEmpty()) {
            return CompletableFuture.completedFuture(null);
        }
        int batch = Math.min(BATCH, entries.size());
        CompletableFuture<?>[] deleted = entries.subList(0, batch).stream()
                .map(entry -> invalidateEntry(entry).toCompletableFuture())
                .toArray(CompletableFuture<?>[]::new);
        return CompletableFuture.allOf(deleted)
                .thenCompose(done -> invalidateEntries(entries.subList(batch, entries.size())));
    }

    private CompletionStage<Void> invalidateEntry(String entry) {
        return connection
                .run(Purpose.DELETE, answer -> true, INVALIDATE, keys.all(entry), keys.wakeUps())
                .thenAccept(done -> {});
    }
}
