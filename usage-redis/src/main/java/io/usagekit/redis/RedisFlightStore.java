package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.redis.GuardedConnection.Purpose;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/**
 * Leases as strings with a time to live, fences as hashes, each call one script on keys of one hash slot.
 *
 * <p>What only reads, renews or gives back takes one command timeout at the most. A lease that is granted or renewed and a figure
 * that is stored are noted in the organisation's index as well: two. An entry that can't be read is deleted on the way, at the
 * cost of two more.
 */
final class RedisFlightStore implements FlightStore {

    private static final Script ACQUIRE = Script.resource("state.lua", "acquire.lua");
    private static final Script PUBLISH = Script.resource("state.lua", "publish.lua");
    private static final Script RENEW = Script.resource("state.lua", "renew.lua");
    private static final Script RELEASE = Script.resource("state.lua", "release.lua");
    private static final Script FAIL = Script.resource("state.lua", "fail.lua");

    private static final Duration MILLISECOND = Duration.ofMillis(1);
    private static final int LONGEST_REASON = 200;

    /** How long fences are remembered: this many leases, and at least this long. A flight forgotten by then can't publish. */
    private static final int MEMORY_IN_LEASES = 10;

    private static final long SHORTEST_MEMORY_MILLIS = Duration.ofMinutes(10).toMillis();

    /** What a script said; its figure is there if it named one that can be read. */
    private record Answer(List<Object> parts, Optional<AgedUsage> figure) {

        static Answer of(UsageKey key, List<Object> parts) {
            return new Answer(
                    parts,
                    namesFigure(parts)
                            ? FigureCodec.read(key, (String) parts.get(1), (Long) parts.get(2))
                            : Optional.empty());
        }

        private static boolean namesFigure(List<Object> parts) {
            return parts.get(0).equals("found") || parts.get(0).equals("superseded");
        }

        boolean isUnreadable() {
            return namesFigure(parts) && figure.isEmpty();
        }

        String kind() {
            return text(0);
        }

        String text(int part) {
            return (String) parts.get(part);
        }

        long number(int part) {
            return (Long) parts.get(part);
        }

        Duration millis(int part) {
            return Duration.ofMillis(number(part));
        }

        AgedUsage readable() {
            return figure.orElseThrow(
                    () -> new UsageCacheException("Redis holds what can't be read: " + text(1), null));
        }
    }

    private final GuardedConnection link;
    private final WakeUpSubscription wakeUps;
    private final RedisKeys keys;
    private final PeriodIndex entries;

    /**
     * What to add to {@link System#nanoTime()} to get Redis's clock in nanoseconds, or a little less: a fence is that clock when
     * the lease was granted, which was before the answer came. Zero while no lease has been granted.
     */
    private volatile long clockOffset;

    RedisFlightStore(GuardedConnection link, WakeUpSubscription wakeUps, RedisKeys keys) {
        this.link = link;
        this.wakeUps = wakeUps;
        this.keys = keys;
        this.entries = new PeriodIndex(link, keys);
    }

    @Override
    public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
        checkAtLeastMillisecond("lease", request.lease());
        return ask(
                        Purpose.LEASE,
                        ACQUIRE,
                        key,
                        request.token(),
                        millis(request.lease()),
                        millis(request.acceptableAge()),
                        request.awaitedFence().isPresent()
                                ? Long.toString(request.awaitedFence().getAsLong())
                                : "",
                        Long.toString(memoryMillis(request.lease())))
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
                    default -> granted(key, request, answer.number(1));
                });
    }

    /** Whoever invalidates the whole organisation from now on knows of this flight. */
    private CompletionStage<Acquisition> granted(UsageKey key, LeaseRequest request, long fence) {
        clockOffset = TimeUnit.MICROSECONDS.toNanos(fence) - System.nanoTime();
        return noteFlight(key, request.lease())
                .<Acquisition>thenApply(noted -> new Acquisition.Acquired(fence))
                .whenComplete((granted, error) -> {
                    if (error != null) {
                        var unused = release(key, request.token());
                    }
                });
    }

    @Override
    public CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease) {
        checkAtLeastMillisecond("lease", lease);
        String entry = keys.of(key);
        List<String> both = List.of(keys.lock(entry), keys.fences(entry));
        return link.send(
                        Purpose.LEASE,
                        RedisFlightStore::tellsNothing,
                        redis -> RENEW.run(redis, both, token, millis(lease), Long.toString(memoryMillis(lease))))
                .thenCompose(answer -> isYes(answer)
                        ? noteFlight(key, lease).thenApply(noted -> true)
                        : CompletableFuture.completedFuture(false));
    }

    /** For longer than its fence is remembered. */
    private CompletionStage<Void> noteFlight(UsageKey key, Duration lease) {
        return entries.add(key, saturatedMultiply(memoryMillis(lease), 2));
    }

    @Override
    public CompletionStage<Publication> publish(
            UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
        UsageCache.checkPut(key, figure, timeToLive);
        String value;
        long life;
        try {
            value = FigureCodec.write(figure, timeToLive);
            life = timeToLive.toMillis();
        } catch (ArithmeticException e) {
            return CompletableFuture.failedFuture(FigureCodec.tooLong(figure, timeToLive, e));
        }
        long now = clockOffset == 0 ? 0 : TimeUnit.NANOSECONDS.toMicros(System.nanoTime() + clockOffset);
        return entries.add(key, life)
                .thenCompose(noted -> ask(
                        Purpose.STORE,
                        PUBLISH,
                        key,
                        token,
                        Long.toString(fence),
                        value,
                        Long.toString(life),
                        millis(figure.age()),
                        keys.wakeUps(),
                        Long.toString(now)))
                .thenApply(answer -> switch (answer.kind()) {
                    case "stored" -> new Publication.Stored();
                    case "superseded" -> new Publication.Superseded(answer.readable());
                    case "outrun" -> new Publication.LeaseLost(answer.number(1));
                    default -> new Publication.Invalidated();
                });
    }

    @Override
    public CompletionStage<Void> release(UsageKey key, String token) {
        String entry = keys.of(key);
        return link.send(
                        Purpose.LEASE,
                        RedisFlightStore::tellsNothing,
                        redis -> RELEASE.run(redis, List.of(keys.lock(entry)), token, keys.wakeUps(), entry))
                .thenAccept(answer -> {});
    }

    @Override
    public CompletionStage<Void> fail(UsageKey key, String token, String reason, Duration backOff) {
        checkAtLeastMillisecond("backOff", backOff);
        String entry = keys.of(key);
        return link.send(
                        Purpose.LEASE,
                        RedisFlightStore::isYes,
                        redis -> FAIL.run(
                                redis,
                                List.of(keys.lock(entry)),
                                token,
                                keys.wakeUps(),
                                entry,
                                shortened(reason),
                                millis(backOff)))
                .thenAccept(answer -> {});
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
    public Registration onWakeUp(UsageKey key, Runnable action) {
        return wakeUps.register(keys.of(key), action);
    }

    @Override
    public void close() {
        wakeUps.close();
        link.close();
    }

    /** Runs a script on an entry. One that only looks like ours is deleted, unless it has been replaced, and the script run again. */
    private CompletionStage<Answer> ask(Purpose purpose, Script script, UsageKey key, String... arguments) {
        return run(purpose, script, key, arguments)
                .thenCompose(answer -> answer.isUnreadable()
                        ? link.send(Purpose.DELETE, redis -> CacheEntry.discard(redis, keys.of(key), answer.text(1)))
                                .thenCompose(done -> run(purpose, script, key, arguments))
                        : CompletableFuture.completedFuture(answer));
    }

    private CompletionStage<Answer> run(Purpose purpose, Script script, UsageKey key, String... arguments) {
        return link.send(
                        purpose,
                        RedisFlightStore::hasWritten,
                        redis -> script.run(redis, keys.all(keys.of(key)), arguments))
                .thenApply(parts -> Answer.of(key, parts));
    }

    private static boolean hasWritten(List<Object> parts) {
        return parts.get(0).equals("granted") || parts.get(0).equals("stored");
    }

    /** A lease can be renewed and given back also where memory is full and none can be had. */
    private static boolean tellsNothing(List<Object> parts) {
        return false;
    }

    private static boolean isYes(List<Object> answer) {
        return answer.get(0).equals(1L);
    }

    private static String shortened(String reason) {
        if (reason.length() <= LONGEST_REASON) {
            return reason;
        }
        boolean inAPair = Character.isHighSurrogate(reason.charAt(LONGEST_REASON - 1));
        return reason.substring(0, inAPair ? LONGEST_REASON - 1 : LONGEST_REASON);
    }

    private static long memoryMillis(Duration lease) {
        return Math.max(SHORTEST_MEMORY_MILLIS, saturatedMultiply(roundedUp(lease), MEMORY_IN_LEASES));
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
