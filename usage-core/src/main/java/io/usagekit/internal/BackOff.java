package io.usagekit.internal;

import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongSupplier;

/**
 * Which figures couldn't be computed a moment ago, so that those who ask meanwhile get the same error instead of another
 * attempt each. Thread-safe; remembers at most {@value #MOST} failures, and no others while it is full.
 */
final class BackOff {

    private static final int MOST = 10_000;

    private record Failure(Throwable error, long until) {}

    private final ConcurrentHashMap<UsageKey, Failure> failures = new ConcurrentHashMap<>();
    private final Duration length;
    private final LongSupplier ticker;

    BackOff(Duration length, LongSupplier ticker) {
        this.length = length;
        this.ticker = ticker;
    }

    /** What it failed with, while nobody should try again. */
    Optional<Throwable> of(UsageKey key) {
        if (failures.isEmpty()) {
            return Optional.empty();
        }
        Failure failure = failures.get(key);
        if (failure == null) {
            return Optional.empty();
        }
        if (isOver(failure)) {
            failures.remove(key, failure);
            return Optional.empty();
        }
        return Optional.of(failure.error());
    }

    /** Half as long to half as long again. */
    void failed(UsageKey key, Throwable error) {
        if (length.isZero()) {
            return;
        }
        if (failures.size() >= MOST) {
            failures.values().removeIf(this::isOver);
        }
        if (failures.size() < MOST) {
            long nanos = length.toNanos();
            long jittered = nanos / 2 + ThreadLocalRandom.current().nextLong(nanos + 1);
            failures.put(key, new Failure(error, ticker.getAsLong() + jittered));
        }
    }

    void clear(UsageKey key) {
        failures.remove(key);
    }

    void clear(String organisationId) {
        failures.keySet().removeIf(key -> key.organisationId().equals(organisationId));
    }

    /**
     * For how long other processes shall not try either: less than any process that failed itself, so that one whose own way
     * to the database is broken doesn't have the next turn, too.
     */
    Optional<Duration> forOthers() {
        long millis = length.toMillis() / 3;
        return millis < 1 ? Optional.empty() : Optional.of(Duration.ofMillis(millis));
    }

    private boolean isOver(Failure failure) {
        return failure.until() - ticker.getAsLong() <= 0;
    }
}
