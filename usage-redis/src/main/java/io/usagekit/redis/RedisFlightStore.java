package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.redis.internal.Connections;
import io.usagekit.redis.internal.GuardedConnection.Purpose;
import io.usagekit.redis.internal.Link;
import io.usagekit.redis.internal.ServerClock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.LongFunction;
import java.util.function.Supplier;

/**
 * Flight store in Redis: leases are strings with a time to live, fences are hashes, and each call is one script. One that acquires or renews
 * a lease or stores a figure also adds the period to the organisation's index; where that is on another server, it takes a second script.
 *
 * <p>A call takes at most one command timeout, with a second script two, and one that acquires a lease while Redis's clock isn't known one more. An unreadable entry is deleted on the way, which
 * takes at most two more. A call that finds out that scripts are refused takes as long again by plain commands, of which those on the index take two.
 */
final class RedisFlightStore implements FlightStore {

    private static final Script ACQUIRE = Script.resource("state.lua", "acquire.lua");
    private static final Script PUBLISH = Script.resource("state.lua", "publish.lua");
    private static final Script RENEW = Script.resource("state.lua", "renew.lua");
    private static final Script RELEASE = Script.resource("state.lua", "release.lua");
    private static final Script FAIL = Script.resource("state.lua", "fail.lua");

    private static final Duration MILLISECOND = Duration.ofMillis(1);
    private static final int MAX_REASON_LENGTH = 200;

    /** The fence of a load without a lease, where Redis refuses scripts: no lease has it, so that no script publishes under it. */
    private static final long NO_FENCE = 0;

    /** Fences are kept for this many leases, and at least for the minimum. A load that takes longer can't publish. */
    private static final int FENCE_LIFE_IN_LEASES = 10;

    private static final long MIN_FENCE_LIFE_MILLIS = Duration.ofMinutes(10).toMillis();

    private final Connections connections;
    private final Scripts scripts;
    private final WakeUpSubscription wakeUps;
    private final RedisKeys keys;
    private final PeriodIndex index;

    RedisFlightStore(Scripts scripts, WakeUpSubscription wakeUps, RedisKeys keys) {
        this.connections = scripts.connections();
        this.scripts = scripts;
        this.wakeUps = wakeUps;
        this.keys = keys;
        this.index = new PeriodIndex(scripts, keys);
    }

    @Override
    public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
        checkAtLeastMillisecond("lease", request.lease());
        return scripts.scripted(keys.of(key), () -> acquireByScript(key, request), () -> acquirePlainly(key, request));
    }

    /** Reads the figure, and lets each process compute that finds none. */
    private CompletionStage<Acquisition> acquirePlainly(UsageKey key, LeaseRequest request) {
        String entry = keys.of(key);
        return connections
                .send(
                        entry,
                        Purpose.READ,
                        redis -> EntryRead.send(
                                redis,
                                entry,
                                (value, left) -> value == null
                                        ? Optional.<AgedUsage>empty()
                                        : FigureCodec.read(key, entry, value, left)))
                .thenApply(found -> found.filter(figure -> figure.age().compareTo(request.acceptableAge()) < 0)
                        .<Acquisition>map(Acquisition.Found::new)
                        .orElseGet(() -> new Acquisition.Acquired(NO_FENCE)));
    }

    private CompletionStage<Acquisition> acquireByScript(UsageKey key, LeaseRequest request) {
        return scripts.together(
                () -> acquireByScript(
                        key,
                        request,
                        indexed(key),
                        fence -> CompletableFuture.completedFuture(new Acquisition.Acquired(fence))),
                () -> acquireByScript(key, request, keysOf(key), fence -> addToIndex(key, request, fence)));
    }

    private CompletionStage<Acquisition> acquireByScript(
            UsageKey key,
            LeaseRequest request,
            List<String> scriptKeys,
            LongFunction<CompletionStage<Acquisition>> acquired) {
        return requestLease(key, request, scriptKeys)
                .thenCompose(answer -> {
                    if (!answer.kind().equals("late")) {
                        return CompletableFuture.completedFuture(answer);
                    }
                    // The answer is in time, so it is the estimate of Redis's clock that was wrong, or missing.
                    return requestLease(key, request, scriptKeys);
                })
                .thenCompose(answer -> switch (answer.kind()) {
                    case "found" -> CompletableFuture.completedFuture(new Acquisition.Found(answer.readable()));
                    case "failed" ->
                        CompletableFuture.completedFuture(
                                new Acquisition.Failed(answer.number(1), answer.text(3), answer.millis(2)));
                    case "held" -> {
                        wakeUps.connect();
                        yield CompletableFuture.completedFuture(
                                new Acquisition.Held(answer.number(1), answer.millis(2)));
                    }
                    case "late" -> CompletableFuture.failedFuture(late());
                    default -> acquired.apply(answer.number(1));
                });
    }

    /** Sends the request with the time until which it counts: one that waits in a hanging server must not leave a lease behind. */
    private CompletionStage<FlightAnswer> requestLease(UsageKey key, LeaseRequest request, List<String> scriptKeys) {
        return call(
                Purpose.LEASE,
                ACQUIRE,
                key,
                scriptKeys,
                redis -> index.arguments(
                        key,
                        indexedMillis(request.lease()),
                        request.token(),
                        millis(request.lease()),
                        millis(request.acceptableAge()),
                        request.awaitedFence().isPresent()
                                ? Long.toString(request.awaitedFence().getAsLong())
                                : "",
                        Long.toString(fenceLifeMillis(request.lease())),
                        Long.toString(redis.clock().after(connections.commandTimeout()))));
    }

    private UsageCacheException late() {
        return new UsageCacheException(
                "Redis executed a request for a lease later than commandTimeout (" + connections.commandTimeout()
                        + ") after it was sent, by its own clock",
                null);
    }

    /** Adds the load to the organisation's index, so that an invalidation of the organisation finds it. */
    private CompletionStage<Acquisition> addToIndex(UsageKey key, LeaseRequest request, long fence) {
        return index.add(key, indexedMillis(request.lease()))
                .<Acquisition>thenApply(added -> new Acquisition.Acquired(fence))
                .whenComplete((acquisition, error) -> {
                    if (error != null) {
                        var unused = release(key, request.token());
                    }
                });
    }

    @Override
    public CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease) {
        checkAtLeastMillisecond("lease", lease);
        String entry = keys.of(key);
        return byScript(
                key,
                () -> scripts.together(
                        () -> renew(key, token, lease, List.of(keys.lock(entry), keys.fences(entry), index.of(key))),
                        () -> renew(key, token, lease, List.of(keys.lock(entry), keys.fences(entry)))
                                .thenCompose(isHolder -> isHolder
                                        ? index.add(key, indexedMillis(lease)).thenApply(added -> true)
                                        : CompletableFuture.completedFuture(false))));
    }

    private CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease, List<String> scriptKeys) {
        return scripts.run(
                        Purpose.LEASE,
                        RedisFlightStore::showsNothing,
                        RENEW,
                        scriptKeys,
                        index.arguments(
                                key, indexedMillis(lease), token, millis(lease), Long.toString(fenceLifeMillis(lease))))
                .thenApply(RedisFlightStore::isHolder);
    }

    /** Returns how long the index keeps a load's period: longer than its fence is kept. */
    private static long indexedMillis(Duration lease) {
        return saturatedMultiply(fenceLifeMillis(lease), 2);
    }

    @Override
    public CompletionStage<Publication> publish(
            UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
        UsageCache.checkPut(key, figure, timeToLive);
        return scripts.scripted(
                keys.of(key),
                () -> publishByScript(key, token, fence, figure, timeToLive),
                () -> fence == NO_FENCE
                        ? index.store(key, figure, timeToLive).thenApply(stored -> new Publication.Stored())
                        : withoutScripts(key));
    }

    /** Takes a step that concerns a lease, which only a script can acquire. */
    private <T> CompletionStage<T> byScript(UsageKey key, Supplier<CompletionStage<T>> step) {
        return scripts.scripted(keys.of(key), step, () -> withoutScripts(key));
    }

    private static <T> CompletionStage<T> withoutScripts(UsageKey key) {
        return CompletableFuture.failedFuture(new UsageCacheException(
                "Redis refuses scripts: a lease on " + key + " that was acquired by one can't be used", null));
    }

    private CompletionStage<Publication> publishByScript(
            UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
        long now = System.nanoTime();
        String value;
        long life;
        try {
            value = FigureCodec.write(keys.of(key), figure, timeToLive);
            life = timeToLive.toMillis();
        } catch (ArithmeticException e) {
            return CompletableFuture.failedFuture(FigureCodec.tooLong(figure, timeToLive, e));
        }
        Function<List<String>, CompletionStage<FlightAnswer>> publish = scriptKeys -> call(
                Purpose.STORE,
                PUBLISH,
                key,
                scriptKeys,
                redis -> index.arguments(
                        key,
                        life,
                        token,
                        Long.toString(fence),
                        value,
                        Long.toString(life),
                        millis(figure.age()),
                        keys.wakeUps(),
                        scripts.shard(redis, keys, keys.of(key)),
                        Long.toString(redis.clock().at(now))));
        return scripts.together(
                        () -> publish.apply(indexed(key)),
                        () -> index.add(key, life).thenCompose(added -> publish.apply(keysOf(key))))
                .thenApply(answer -> switch (answer.kind()) {
                    case "stored" -> new Publication.Stored();
                    case "superseded" -> new Publication.Superseded(answer.readable());
                    case "lease_lost" -> new Publication.LeaseLost(answer.number(1));
                    default -> new Publication.Invalidated();
                });
    }

    @Override
    public CompletionStage<Void> release(UsageKey key, String token) {
        String entry = keys.of(key);
        return byScript(
                key,
                () -> scripts.run(
                                Purpose.LEASE,
                                RedisFlightStore::showsNothing,
                                RELEASE,
                                List.of(keys.lock(entry)),
                                redis -> new String[] {token, keys.wakeUps(), scripts.shard(redis, keys, entry), entry})
                        .thenAccept(answer -> {}));
    }

    @Override
    public CompletionStage<Void> fail(UsageKey key, String token, String reason, Duration backOff) {
        checkAtLeastMillisecond("backOff", backOff);
        String entry = keys.of(key);
        return byScript(
                key,
                () -> scripts.run(
                                Purpose.LEASE,
                                RedisFlightStore::isHolder,
                                FAIL,
                                List.of(keys.lock(entry)),
                                redis -> new String[] {
                                    token,
                                    keys.wakeUps(),
                                    scripts.shard(redis, keys, entry),
                                    entry,
                                    shortened(reason),
                                    millis(backOff)
                                })
                        .thenAccept(answer -> {}));
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return index.invalidate(key);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return index.invalidate(organisationId);
    }

    /** A cache of the same client and key prefix runs the same scripts. */
    @Override
    public boolean isInvalidatedBy(UsageCache cache) {
        if (cache instanceof NearUsageCache near) {
            return index.isOverSameData(near.index());
        }
        return cache instanceof RedisUsageCache plain && index.isOverSameData(plain.index());
    }

    @Override
    public Registration onWakeUp(UsageKey key, Runnable action) {
        return wakeUps.register(keys.of(key), action);
    }

    @Override
    public void close() {
        wakeUps.close();
        scripts.close();
    }

    /**
     * Runs a script on an entry. If the entry is unreadable it is deleted, unless it has been replaced, and the script runs again.
     *
     * @param arguments those of the script, by what is known of the server that is to run it
     */
    private CompletionStage<FlightAnswer> call(
            Purpose purpose, Script script, UsageKey key, List<String> scriptKeys, Function<Link, String[]> arguments) {
        return run(purpose, script, key, scriptKeys, arguments)
                .thenCompose(answer -> answer.isUnreadable()
                        ? CacheEntry.discard(scripts, keys.of(key), answer.text(1))
                                .thenCompose(done -> run(purpose, script, key, scriptKeys, arguments))
                        : CompletableFuture.completedFuture(answer));
    }

    private CompletionStage<FlightAnswer> run(
            Purpose purpose, Script script, UsageKey key, List<String> scriptKeys, Function<Link, String[]> arguments) {
        return scripts.run(
                        purpose, RedisFlightStore::hasWritten, script, scriptKeys, arguments, RedisFlightStore::learn)
                .thenApply(parts -> FlightAnswer.of(key, keys.of(key), parts));
    }

    private List<String> keysOf(UsageKey key) {
        return keys.all(keys.of(key));
    }

    /** Returns the keys of a script that adds the period to the organisation's index as well. */
    private List<String> indexed(UsageKey key) {
        String entry = keys.of(key);
        return List.of(entry, keys.lock(entry), keys.fences(entry), index.of(key));
    }

    /** Some answers say what time it is. */
    private static void learn(ServerClock clock, List<Object> parts) {
        if (parts.get(0).equals("acquired")) {
            clock.was((Long) parts.get(2));
        } else if (parts.get(0).equals("late")) {
            clock.was((Long) parts.get(1));
        }
    }

    private static boolean hasWritten(List<Object> parts) {
        return parts.get(0).equals("acquired") || parts.get(0).equals("stored");
    }

    /** Leases can be renewed and released also when Redis's memory is full, so the answer doesn't show that acquiring works. */
    private static boolean showsNothing(List<Object> parts) {
        return false;
    }

    private static boolean isHolder(List<Object> answer) {
        return answer.get(0).equals(1L);
    }

    private static String shortened(String reason) {
        if (reason.length() <= MAX_REASON_LENGTH) {
            return reason;
        }
        boolean splitsPair = Character.isHighSurrogate(reason.charAt(MAX_REASON_LENGTH - 1));
        return reason.substring(0, splitsPair ? MAX_REASON_LENGTH - 1 : MAX_REASON_LENGTH);
    }

    private static long fenceLifeMillis(Duration lease) {
        return Math.max(MIN_FENCE_LIFE_MILLIS, saturatedMultiply(roundedUp(lease), FENCE_LIFE_IN_LEASES));
    }

    private static long saturatedMultiply(long millis, int times) {
        return millis > Long.MAX_VALUE / times ? Long.MAX_VALUE : millis * times;
    }

    private static String millis(Duration duration) {
        return Long.toString(roundedUp(duration));
    }

    private static long roundedUp(Duration duration) {
        try {
            return duration.plusNanos(999_999).toMillis();
        } catch (ArithmeticException e) {
            return Long.MAX_VALUE; // some hundred million years
        }
    }

    private static void checkAtLeastMillisecond(String argument, Duration value) {
        if (value.compareTo(MILLISECOND) < 0) {
            throw new IllegalArgumentException(argument + " must be at least 1 ms, but was " + value);
        }
    }
}
