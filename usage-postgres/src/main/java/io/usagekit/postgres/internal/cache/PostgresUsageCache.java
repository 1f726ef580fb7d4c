package io.usagekit.postgres.internal.cache;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.postgres.internal.cache.CacheCalls.Attempt;
import io.usagekit.postgres.internal.cache.CacheCalls.Purpose;
import io.usagekit.postgres.internal.cache.CacheCounters.Count;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** Cache in one table. Each call is one statement in a transaction of its own, and completes within the timeout. */
final class PostgresUsageCache implements UsageCache {

    /** Number of figures that one statement reads. */
    private static final int MOST_READ = 1_000;

    private final CacheSettings settings;
    private final CacheCalls calls;
    private final Pruning pruning;

    PostgresUsageCache(CacheSettings settings, CacheCalls calls) {
        this.settings = settings;
        this.calls = calls;
        this.pruning = new Pruning(calls, settings.counters());
    }

    CacheSettings settings() {
        return settings;
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        return calls.run(
                        Purpose.READ,
                        "the figure of " + key + " can't be read",
                        attempt -> Optional.of(attempt.sql()
                                .call(attempt.connection(), "read-figure", key)
                                .first(row -> CacheSql.figure(row, key))))
                .thenApply(this::counted);
    }

    /** Reads a thousand figures with each statement. */
    @Override
    public Map<UsageKey, CompletionStage<Optional<AgedUsage>>> getAll(Collection<UsageKey> keys) {
        Map<UsageKey, CompletionStage<Optional<AgedUsage>>> figures = new LinkedHashMap<>();
        List<UsageKey> all = List.copyOf(keys);
        for (int from = 0; from < all.size(); from += MOST_READ) {
            List<UsageKey> some = all.subList(from, Math.min(from + MOST_READ, all.size()));
            CompletableFuture<Map<UsageKey, AgedUsage>> read = calls.run(
                    Purpose.READ, some.size() + " figures can't be read", attempt -> Optional.of(read(attempt, some)));
            some.forEach(key ->
                    figures.put(key, read.thenApply(found -> counted(Optional.ofNullable(found.get(key))))));
        }
        return figures;
    }

    private Optional<AgedUsage> counted(Optional<AgedUsage> figure) {
        settings.counters().increment(figure.isPresent() ? Count.HITS : Count.MISSES);
        return figure;
    }

    private static Map<UsageKey, AgedUsage> read(Attempt attempt, List<UsageKey> keys) throws SQLException {
        List<Instant> starts = new ArrayList<>();
        List<Instant> ends = new ArrayList<>();
        keys.forEach(key -> {
            starts.add(key.period().start());
            ends.add(key.period().end());
        });
        Map<UsageKey, AgedUsage> found = new HashMap<>();
        attempt.sql()
                .call(attempt.connection(), "read-figures")
                .texts(
                        "organisation_ids",
                        keys.stream().map(UsageKey::organisationId).toList())
                .instants("starts", starts)
                .instants("ends", ends)
                .forEach(row -> {
                    UsageKey key = keys.get((int) row.number("place") - 1);
                    found.put(key, CacheSql.figure(row, key));
                });
        return found;
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        UsageCache.checkPut(key, entry, timeToLive);
        return calls.run(
                        Purpose.WRITE,
                        "the figure of " + key + " can't be stored",
                        attempt -> Optional.of(CacheSql.bind(
                                        attempt.sql().call(attempt.connection(), "put-figure", key),
                                        entry,
                                        timeToLive,
                                        attempt.elapsed())
                                .update()))
                .thenAccept(stored -> {
                    settings.counters().increment(Count.WRITES);
                    pruning.written();
                });
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return invalidate(calls, key);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return invalidate(calls, organisationId);
    }

    /** Invalidates a key for the cache and the flight stores over the table. */
    static CompletionStage<Void> invalidate(CacheCalls calls, UsageKey key) {
        return calls.run(
                        Purpose.WRITE,
                        "the figure of " + key + " can't be invalidated",
                        attempt -> CacheSql.done(attempt.sql()
                                .waking(
                                        attempt.sql().call(attempt.connection(), "invalidate-figure", key),
                                        WakeUps.message(key))))
                .thenAccept(done -> {});
    }

    /** Invalidates an organisation for the cache and the flight stores over the table. */
    static CompletionStage<Void> invalidate(CacheCalls calls, String organisationId) {
        UsageKey.checkOrganisationId(organisationId);
        return calls.run(
                        Purpose.WRITE,
                        "the figures of the organisation \"" + organisationId + "\" can't be invalidated",
                        attempt -> CacheSql.done(attempt.sql()
                                .waking(
                                        attempt.sql()
                                                .call(attempt.connection(), "invalidate-organisation")
                                                .text("organisation_id", organisationId),
                                        WakeUps.message(organisationId))))
                .thenAccept(done -> {});
    }

    @Override
    public Stats stats() {
        return new Stats(OptionalLong.empty(), calls.condition(), Condition.UNKNOWN);
    }

    @Override
    public void close() {
        calls.close();
    }
}
