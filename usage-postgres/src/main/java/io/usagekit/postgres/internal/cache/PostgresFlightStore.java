package io.usagekit.postgres.internal.cache;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.cache.CacheCalls.Attempt;
import io.usagekit.postgres.internal.cache.CacheCalls.Purpose;
import io.usagekit.postgres.internal.cache.CacheCounters.Count;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/** Flight store in one table. Each call is one statement in a transaction of its own, and completes within the timeout. */
final class PostgresFlightStore implements FlightStore {

    private static final Duration MILLISECOND = Duration.ofMillis(1);
    private static final int MAX_REASON_LENGTH = 200;

    /** Fences are kept for this many leases, and at least for the minimum. A load that takes longer can't publish. */
    private static final int FENCE_LIFE_IN_LEASES = 10;

    private static final Duration MIN_FENCE_LIFE = Duration.ofMinutes(10);

    private final CacheSettings settings;
    private final CacheCalls calls;
    private final WakeUps wakeUps;
    private final Optional<WakeUpListener> listener;
    private final Pruning pruning;

    PostgresFlightStore(CacheSettings settings, CacheCalls calls, WakeUps wakeUps, Optional<WakeUpListener> listener) {
        this.settings = settings;
        this.calls = calls;
        this.wakeUps = wakeUps;
        this.listener = listener;
        this.pruning = new Pruning(calls, settings.counters());
    }

    @Override
    public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
        checkAtLeastMillisecond("lease", request.lease());
        return calls.run(
                        Purpose.WRITE,
                        "the lease on " + key + " can't be acquired",
                        attempt -> call(attempt, "acquire", key)
                                .text("token", request.token())
                                .number("lease", Micros.of(request.lease()))
                                .number("fence_life", fenceLife(request.lease()))
                                .number("acceptable_age", Micros.of(request.acceptableAge()))
                                .number("awaited_fence", request.awaitedFence().orElse(Long.MAX_VALUE))
                                .first(row -> acquisition(row, key)))
                .whenComplete((acquisition, error) -> {
                    if (acquisition instanceof Acquisition.Acquired) {
                        pruning.written();
                    }
                });
    }

    private static Acquisition acquisition(SqlRow row, UsageKey key) throws SQLException {
        return switch (row.text("kind")) {
            case "found" -> new Acquisition.Found(CacheSql.figure(row, key));
            case "acquired" -> new Acquisition.Acquired(row.number("fence"));
            case "held" -> new Acquisition.Held(row.number("fence"), Micros.duration(row.number("remaining")));
            default ->
                new Acquisition.Failed(
                        row.number("fence"), row.text("reason"), Micros.duration(row.number("remaining")));
        };
    }

    @Override
    public CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease) {
        checkAtLeastMillisecond("lease", lease);
        return calls.run(
                Purpose.WRITE,
                "the lease on " + key + " can't be renewed",
                attempt -> Optional.of(call(attempt, "renew", key)
                                .text("token", token)
                                .number("lease", Micros.of(lease))
                                .number("fence_life", fenceLife(lease))
                                .update()
                        > 0));
    }

    @Override
    public CompletionStage<Publication> publish(
            UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
        UsageCache.checkPut(key, figure, timeToLive);
        return calls.run(Purpose.WRITE, "the figure of " + key + " can't be published", attempt -> {
                    SqlCall call =
                            waking(attempt, "publish", key).text("token", token).number("fence", fence);
                    return CacheSql.bind(call, figure, timeToLive, attempt.elapsed())
                            .first(row -> publication(row, key))
                            .orElse(Optional.of(new Publication.Invalidated()));
                })
                .whenComplete((publication, error) -> {
                    if (publication instanceof Publication.Stored) {
                        settings.counters().increment(Count.WRITES);
                        pruning.written();
                    }
                });
    }

    private static Optional<Publication> publication(SqlRow row, UsageKey key) throws SQLException {
        return switch (row.text("kind")) {
            case "stored" -> Optional.of(new Publication.Stored());
            case "superseded" -> Optional.of(new Publication.Superseded(CacheSql.figure(row, key)));
            case "lease_lost" -> Optional.of(new Publication.LeaseLost(row.number("fence")));
            case "invalidated" -> Optional.of(new Publication.Invalidated());
            default -> Optional.empty();
        };
    }

    @Override
    public CompletionStage<Void> release(UsageKey key, String token) {
        return calls.run(
                        Purpose.WRITE,
                        "the lease on " + key + " can't be released",
                        attempt -> CacheSql.done(waking(attempt, "release", key).text("token", token)))
                .thenAccept(done -> {});
    }

    @Override
    public CompletionStage<Void> fail(UsageKey key, String token, String reason, Duration backOff) {
        checkAtLeastMillisecond("backOff", backOff);
        return calls.run(
                        Purpose.WRITE,
                        "the failure of " + key + " can't be reported",
                        attempt -> CacheSql.done(waking(attempt, "fail", key)
                                .text("token", token)
                                .text("reason", storable(reason))
                                .number("back_off", Micros.of(backOff))))
                .thenAccept(done -> {});
    }

    private static SqlCall call(Attempt attempt, String statement, UsageKey key) {
        return attempt.sql().call(attempt.connection(), statement, key);
    }

    /** A call of a statement that wakes those who wait for the key. */
    private static SqlCall waking(Attempt attempt, String statement, UsageKey key) {
        return attempt.sql().waking(call(attempt, statement, key), WakeUps.message(key));
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return PostgresUsageCache.invalidate(calls, key);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return PostgresUsageCache.invalidate(calls, organisationId);
    }

    /** A cache over the same data source and schema runs the same statements. */
    @Override
    public boolean isInvalidatedBy(UsageCache cache) {
        return cache instanceof PostgresUsageCache other && settings.isOverSameData(other.settings());
    }

    /** Registers an action, which runs only where wake-ups are received. */
    @Override
    public Registration onWakeUp(UsageKey key, Runnable action) {
        return wakeUps.register(key, action);
    }

    @Override
    public void close() {
        listener.ifPresent(WakeUpListener::close);
        calls.close();
    }

    /** Returns what the database can hold of a reason: without U+0000 and halves of surrogate pairs. */
    private static String storable(String reason) {
        String some = reason.substring(0, Math.min(reason.length(), MAX_REASON_LENGTH))
                .replace('\0', '\uFFFD');
        return new String(some.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
    }

    private static long fenceLife(Duration lease) {
        return Math.max(Micros.of(MIN_FENCE_LIFE), Micros.of(lease) * FENCE_LIFE_IN_LEASES);
    }

    private static void checkAtLeastMillisecond(String argument, Duration value) {
        if (value.compareTo(MILLISECOND) < 0) {
            throw new IllegalArgumentException(argument + " must be at least 1 ms, but was " + value);
        }
    }
}
