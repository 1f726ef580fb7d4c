package io.usagekit.redis;

import io.lettuce.core.ZAddArgs;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.Command;
import io.lettuce.core.protocol.CommandType;
import io.usagekit.AgedUsage;
import io.usagekit.UsageKey;
import io.usagekit.redis.internal.Connections;
import io.usagekit.redis.internal.GuardedConnection.Purpose;
import io.usagekit.redis.internal.Link;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

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

    /** How much longer than its entry a period is kept: the entry is written a little later. */
    private static final long MARGIN_MILLIS = 60_000;

    /** The largest number that is exact as a score, and in Lua. */
    private static final long MOST_MILLIS = (1L << 53) - 1;

    /** How long an index that no script keeps lives after its last addition, if no period has to be kept for longer: so its expiry is rarely set twice. */
    private static final long PLAIN_MILLIS = TimeUnit.DAYS.toMillis(366);

    private final Scripts scripts;
    private final Connections connections;
    private final RedisKeys keys;

    PeriodIndex(Scripts scripts, RedisKeys keys) {
        this.scripts = scripts;
        this.connections = scripts.connections();
        this.keys = keys;
    }

    /**
     * Adds the period of an entry that may live this long from now on.
     *
     * @return Redis's clock in milliseconds since 1970, at a time after this call
     */
    CompletionStage<Long> add(UsageKey key, long millis) {
        String index = of(key);
        return scripts.scripted(
                index,
                () -> scripts.run(Purpose.INDEX, answer -> true, INDEX, List.of(index), arguments(key, millis))
                        .thenApply(answer -> (Long) answer.get(0)),
                () -> addPlainly(index, key.period().canonicalLabel(), kept(millis)));
    }

    /** Returns the index that a key's period is in. */
    String of(UsageKey key) {
        return keys.index(key.organisationId());
    }

    /**
     * Returns arguments of a script that adds the period of an entry that may live this long from now on.
     *
     * @param first those of the script that come first
     */
    String[] arguments(UsageKey key, long millis, String... first) {
        String[] all = Arrays.copyOf(first, first.length + 3);
        all[first.length] = key.period().canonicalLabel();
        all[first.length + 1] = Long.toString(kept(millis));
        all[first.length + 2] = keys.of(key.organisationId(), "");
        return all;
    }

    private static long kept(long millis) {
        return Math.min(millis, MOST_MILLIS - MARGIN_MILLIS) + MARGIN_MILLIS;
    }

    /** Does as the script, but removes no periods. */
    private CompletionStage<Long> addPlainly(String index, String period, long millis) {
        return connections
                .send(index, Purpose.INDEX, redis -> commands(redis).time().toCompletableFuture())
                .thenCompose(time -> {
                    long now = Long.parseLong(time.get(0)) * 1_000 + Long.parseLong(time.get(1)) / 1_000;
                    double removal = Math.min(MOST_MILLIS, now + millis);
                    return connections
                            .send(index, Purpose.INDEX, redis -> {
                                var added = commands(redis).zadd(index, ZAddArgs.Builder.gt(), removal, period);
                                CompletableFuture<Long> extended =
                                        extend(redis, index, now, Math.max(millis, PLAIN_MILLIS));
                                return extended.thenCombine(added, (done, one) -> done);
                            })
                            .thenApply(done -> now);
                });
    }

    /**
     * Sets the index's expiry, and then again if it has a period that is kept for longer. Processes that do so at the same time may set it in any order, but
     * each looks after it has set it.
     */
    private static CompletableFuture<Long> extend(Link redis, String index, long now, long millis) {
        var expiring = commands(redis).pexpire(index, millis);
        return commands(redis)
                .zrangeWithScores(index, -1, -1)
                .toCompletableFuture()
                .thenCombine(
                        expiring,
                        (last, done) ->
                                last.isEmpty() ? now : (long) last.get(0).getScore())
                .thenCompose(last -> last - now > millis
                        ? extend(redis, index, now, last - now)
                        : CompletableFuture.completedFuture(now));
    }

    private static RedisAsyncCommands<String, String> commands(Link redis) {
        return redis.connection().async();
    }

    /**
     * Stores a figure, once it is in the index: the invalidation of the organisation would miss it otherwise. It expires by Redis's clock,
     * which the index returns, so that no delay of a command makes it look younger than it is.
     */
    CompletionStage<Void> store(UsageKey key, AgedUsage figure, Duration timeToLive) {
        String entry = keys.of(key);
        long began = System.nanoTime();
        try {
            String value = FigureCodec.write(entry, figure, timeToLive);
            return add(key, timeToLive.toMillis())
                    .thenCompose(clock -> connections.send(entry, Purpose.STORE, redis -> {
                        long passed = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began) + 1;
                        // A sum beyond the range of long is negative, and refused by Redis. The clock of a cluster's
                        // index is another node's.
                        return redis.send(
                                connections.areOfOneServer()
                                        ? set(entry, value, "PXAT", clock - passed + timeToLive.toMillis())
                                        : set(entry, value, "PX", Math.max(1, timeToLive.toMillis() - passed)));
                    }))
                    .thenAccept(ok -> {});
        } catch (ArithmeticException e) {
            return CompletableFuture.failedFuture(FigureCodec.tooLong(figure, timeToLive, e));
        }
    }

    private static Command<String, String, String> set(String entry, String value, String expiry, long millis) {
        return Link.command(
                CommandType.SET,
                new StatusOutput<>(StringCodec.UTF8),
                Link.arguments().addKey(entry).addValue(value).add(expiry).add(millis));
    }

    /** Whether both are known to be over the same data. */
    boolean isOverSameData(PeriodIndex other) {
        return keys.equals(other.keys) && connections.client() == other.connections.client();
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
        return scripts.<List<?>>scripted(
                        index,
                        () -> scripts.run(
                                        Purpose.DELETE,
                                        periods -> false,
                                        PERIODS,
                                        List.of(index),
                                        keys.of(organisationId, ""))
                                .thenApply(periods -> periods),
                        () -> connections
                                .dispatch(
                                        index,
                                        Purpose.DELETE,
                                        periods -> false,
                                        redis -> commands(redis)
                                                .zrange(index, 0, -1)
                                                .toCompletableFuture())
                                .thenApply(periods -> periods))
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
        return scripts.scripted(
                entry,
                () -> scripts.run(Purpose.DELETE, answer -> true, INVALIDATE, keys.all(entry), redis ->
                                new String[] {keys.wakeUps(), scripts.shard(redis, keys, entry)})
                        .thenAccept(done -> {}),
                () -> connections
                        .send(entry, Purpose.DELETE, redis -> {
                            // Without its fences no load in flight can publish by a script.
                            CompletableFuture<Long> deleted = commands(redis)
                                    .del(keys.all(entry).toArray(String[]::new))
                                    .toCompletableFuture();
                            var unused = commands(redis).publish(keys.wakeUps(), entry);
                            return deleted;
                        })
                        .thenAccept(done -> {}));
    }
}
