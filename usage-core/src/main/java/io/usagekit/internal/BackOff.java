package io.usagekit.internal;

import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongSupplier;

/**
 * Recent failures, so that callers get the same error for a while instead of another attempt each. Thread-safe; holds at
 * most {@value #MOST} failures, and no others while it is full.
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

    /** Returns the error of the last failure while the back-off lasts. */
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

    /** Notes a failure; the back-off is jittered by a half up and down. */
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
     * Returns the back-off of other processes: shorter than that of the process that failed, so that a process whose own
     * connection to the database is broken doesn't get the next attempt as well.
     */
    Optional<Duration> forOthers() {
        long millis = length.toMillis() / 3;
        return millis < 1 ? Optional.empty() : Optional.of(Duration.ofMillis(millis));
    }

    private boolean isOver(Failure failure) {
        return failure.until() - ticker.getAsLong() <= 0;
    }
}
