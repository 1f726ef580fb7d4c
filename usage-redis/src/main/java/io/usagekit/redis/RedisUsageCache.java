package io.usagekit.redis;

import io.lettuce.core.SetArgs;
import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.redis.RedisLink.Purpose;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** Figures as strings with a time to live. */
final class RedisUsageCache implements UsageCache {

    private final RedisLink link;
    private final EntryKeys keys;
    private final RedisEntries entries;
    private final EntryReads reads;

    RedisUsageCache(RedisLink link, EntryKeys keys) {
        this.link = link;
        this.keys = keys;
        this.entries = new RedisEntries(link, keys);
        this.reads = new EntryReads(link, keys);
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        return read(key).thenApply(found -> found.map(EntryRead::figure));
    }

    CompletionStage<Optional<EntryRead>> read(UsageKey key) {
        String entry = keys.of(key);
        return link.send(Purpose.READ, redis -> EntryRead.send(redis, entry))
                .thenApply(answer -> reads.decode(key, answer));
    }

    EntryReads reads() {
        return reads;
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        UsageCache.checkPut(key, entry, timeToLive);
        String value;
        SetArgs limit;
        try {
            value = StoredFigure.write(entry, timeToLive);
            limit = SetArgs.Builder.px(timeToLive.toMillis());
        } catch (ArithmeticException e) {
            return CompletableFuture.failedFuture(StoredFigure.tooLong(entry, timeToLive, e));
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
