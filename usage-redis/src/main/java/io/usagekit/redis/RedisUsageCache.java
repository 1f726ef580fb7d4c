package io.usagekit.redis;

import io.lettuce.core.SetArgs;
import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.redis.GuardedConnection.Purpose;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** Figures as strings with a time to live. */
final class RedisUsageCache implements UsageCache {

    private final GuardedConnection link;
    private final RedisKeys keys;
    private final PeriodIndex entries;
    private final CacheEntryReader reads;

    RedisUsageCache(GuardedConnection link, RedisKeys keys) {
        this.link = link;
        this.keys = keys;
        this.entries = new PeriodIndex(link, keys);
        this.reads = new CacheEntryReader(link, keys);
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        return read(key).thenApply(found -> found.map(CacheEntry::figure));
    }

    CompletionStage<Optional<CacheEntry>> read(UsageKey key) {
        String entry = keys.of(key);
        return link.send(Purpose.READ, redis -> CacheEntry.send(redis, entry))
                .thenApply(answer -> reads.decode(key, answer));
    }

    CacheEntryReader reads() {
        return reads;
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        UsageCache.checkPut(key, entry, timeToLive);
        String value;
        SetArgs limit;
        try {
            value = FigureCodec.write(entry, timeToLive);
            limit = SetArgs.Builder.px(timeToLive.toMillis());
        } catch (ArithmeticException e) {
            return CompletableFuture.failedFuture(FigureCodec.tooLong(entry, timeToLive, e));
        }
        // Not stored unless noted: invalidating the organisation would miss it.
        return entries.note(key, timeToLive.toMillis())
                .thenCompose(noted -> link.send(
                        Purpose.KEEP,
                        redis -> redis.set(keys.of(key), value, limit).toCompletableFuture()))
                .thenAccept(ok -> {});
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return entries.invalidate(key);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return entries.invalidate(organisationId);
    }

    @Override
    public void observe(UsageListener listener) {
        reads.observe(listener);
    }

    @Override
    public void close() {
        link.close();
    }
}
