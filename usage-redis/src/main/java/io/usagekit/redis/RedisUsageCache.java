package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.redis.internal.Connections;
import io.usagekit.redis.internal.GuardedConnection.Purpose;
import io.usagekit.redis.internal.Link;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.BiFunction;

/** Cache in Redis: figures are strings with a time to live. */
final class RedisUsageCache implements UsageCache {

    private final Connections connections;
    private final Scripts scripts;
    private final RedisKeys keys;
    private final PeriodIndex index;
    private final CacheEntryReader reader;
    private final SharedReads reads = new SharedReads(this::readFigure);

    RedisUsageCache(Scripts scripts, RedisKeys keys) {
        this.connections = scripts.connections();
        this.scripts = scripts;
        this.keys = keys;
        this.index = new PeriodIndex(scripts, keys);
        this.reader = new CacheEntryReader(scripts);
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        return reads.read(key);
    }

    @Override
    public Map<UsageKey, CompletionStage<Optional<AgedUsage>>> getAll(Collection<UsageKey> keys) {
        Map<UsageKey, CompletionStage<Optional<AgedUsage>>> figures = new LinkedHashMap<>();
        readAll(keys).forEach((key, read) -> figures.put(key, read.thenApply(found -> found.map(CacheEntry::figure))));
        return figures;
    }

    /** Reads entries with their remaining time to live, a thousand with each command to one server; all commands are sent at once. */
    Map<UsageKey, CompletableFuture<Optional<CacheEntry>>> readAll(Collection<UsageKey> all) {
        if (!connections.areOfOneServer()) {
            Map<UsageKey, CompletableFuture<Optional<CacheEntry>>> reads = new LinkedHashMap<>();
            all.forEach(key -> reads.put(key, read(key).toCompletableFuture()));
            return reads;
        }
        return BulkRead.of(
                all,
                keys,
                reader,
                entries -> scripts.together(
                                () -> scripts.scripted(
                                        entries.get(0),
                                        () -> send(entries, CacheEntry::sendAll),
                                        () -> send(entries, CacheEntry::sendEach)),
                                () -> send(entries, CacheEntry::sendEach))
                        .toCompletableFuture());
    }

    private CompletionStage<List<Object>> send(
            List<String> entries, BiFunction<Link, List<String>, CompletableFuture<List<Object>>> read) {
        return connections.send(entries.get(0), Purpose.READ, redis -> read.apply(redis, entries));
    }

    /** Reads an entry with its remaining time to live. */
    CompletionStage<Optional<CacheEntry>> read(UsageKey key) {
        String entry = keys.of(key);
        return connections.send(entry, Purpose.READ, redis -> reader.send(redis, key, entry));
    }

    private CompletionStage<Optional<AgedUsage>> readFigure(UsageKey key) {
        String entry = keys.of(key);
        return connections.send(entry, Purpose.READ, redis -> reader.sendFigure(redis, key, entry));
    }

    PeriodIndex index() {
        return index;
    }

    CacheEntryReader reader() {
        return reader;
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage figure, Duration timeToLive) {
        UsageCache.checkPut(key, figure, timeToLive);
        return index.store(key, figure, timeToLive);
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return index.invalidate(key);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return index.invalidate(organisationId);
    }

    @Override
    public Stats stats() {
        return new Stats(OptionalLong.empty(), condition(connections.isAvailable()), Condition.UNKNOWN);
    }

    static Condition condition(boolean works) {
        return works ? Condition.UP : Condition.DOWN;
    }

    @Override
    public void observe(UsageListener listener) {
        reader.observe(listener);
    }

    @Override
    public void close() {
        scripts.close();
    }
}
