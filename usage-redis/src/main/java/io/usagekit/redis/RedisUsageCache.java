package io.usagekit.redis;

import io.lettuce.core.SetArgs;
import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** Figures as strings with a time to live. */
final class RedisUsageCache implements UsageCache {

    private static final Script READ = Script.resource("read.lua");

    private final RedisLink link;
    private final EntryKeys keys;

    RedisUsageCache(RedisLink link, EntryKeys keys) {
        this.link = link;
        this.keys = keys;
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        String entry = keys.of(key);
        return link.read(redis -> READ.run(redis, entry)).thenApply(answer -> decode(key, answer));
    }

    private static Optional<AgedUsage> decode(UsageKey key, List<Object> answer) {
        return answer.get(0) instanceof String text && answer.get(1) instanceof Long left
                ? StoredFigure.read(key, text, left)
                : Optional.empty();
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
            return CompletableFuture.failedFuture(new UsageCacheException(
                    "Redis can't keep a figure of age " + entry.age() + " for " + timeToLive + ": too long", e));
        }
        return link.write(redis -> redis.set(keys.of(key), value, limit).toCompletableFuture())
                .thenAccept(ok -> {});
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return link.write(redis -> redis.del(keys.of(key)).toCompletableFuture())
                .thenAccept(count -> {});
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return CompletableFuture.failedFuture(new UsageCacheException("not yet", null));
    }

    @Override
    public void close() {
        link.close();
    }
}
