package io.usagekit.internal;

import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Logs failing computations once when an incident begins and once when it ends, whatever the number of figures and calls, and
 * remembers which figures failed with an error that no retry cures. Thread-safe.
 *
 * <p>An incident begins with a failure and ends with any success of a computation that started after it began. It is logged once
 * more if an error that no retry cures follows transient ones. A figure that keeps failing while others are computed begins an
 * incident at most once in {@link #MEMORY}.
 */
final class ComputationIncidents {

    private static final Logger LOG = LoggerFactory.getLogger(UsageService.class);

    /** How long the failure of a figure is remembered. */
    static final Duration MEMORY = Duration.ofMinutes(10);

    private static final int MOST = 10_000;

    /**
     * Last failure of a figure.
     *
     * @param at when it failed
     * @param logged when the incident was logged that it belongs to
     * @param incident the state during that incident
     */
    private record Failure(Throwable error, long at, long logged, long incident) {
        boolean isPermanent() {
            return ComputationIncidents.isPermanent(error);
        }
    }

    private enum Line {
        NONE,
        BEGINNING,
        WORSENING
    }

    private final LongSupplier ticker;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<UsageKey, Failure> failures = new HashMap<>();
    /** Number of beginnings and ends so far: odd during an incident. */
    private volatile long changes;

    private volatile boolean anyFailure;
    private boolean permanent;
    private long logged;

    ComputationIncidents(LongSupplier ticker) {
        this.ticker = ticker;
    }

    static boolean isPermanent(@Nullable Throwable error) {
        return error instanceof UsageException known && !known.isTransient();
    }

    /** Returns the state to hand to {@link #failed} and {@link #succeeded}; to be read before the computation starts. */
    long state() {
        return changes;
    }

    /**
     * Notes a failure.
     *
     * @param since the state when the computation started: an older result says nothing about the present
     */
    void failed(UsageKey key, Throwable error, long since) {
        Line line;
        lock.lock();
        try {
            line = note(key, error, since, ticker.getAsLong());
        } finally {
            lock.unlock();
        }
        log(line, error);
    }

    private Line note(UsageKey key, Throwable error, long since, long now) {
        Failure last = failures.get(key);
        boolean isPermanent = isPermanent(error);
        if (isOpen()) {
            boolean worsens = isPermanent && !permanent;
            permanent |= isPermanent;
            remember(key, new Failure(error, now, logged, changes), now);
            return worsens ? Line.WORSENING : Line.NONE;
        }
        if (last != null && isRecent(last.logged(), now) && (last.isPermanent() || !isPermanent)) {
            remember(key, new Failure(error, now, last.logged(), last.incident()), now);
            return Line.NONE;
        }
        if (since != changes) {
            return Line.NONE;
        }
        changes = since + 1;
        permanent = isPermanent;
        logged = now;
        remember(key, new Failure(error, now, now, changes), now);
        return Line.BEGINNING;
    }

    private void remember(UsageKey key, Failure failure, long now) {
        if (failures.size() >= MOST) {
            failures.values().removeIf(old -> !isRecent(old.at(), now));
        }
        if (failures.size() < MOST || failures.containsKey(key)) {
            failures.put(key, failure);
            anyFailure = true;
        }
    }

    private boolean isOpen() {
        return changes % 2 == 1;
    }

    private static boolean isRecent(long then, long now) {
        return now - then < MEMORY.toNanos();
    }

    private static void log(Line line, Throwable error) {
        if (line == Line.NONE) {
            return;
        }
        String reason = describe(error);
        if (isPermanent(error)) {
            LOG.warn(
                    "usage figures can't be computed, and no retry will cure that; figures older than ttl aren't served until"
                            + " it is corrected: {}",
                    reason,
                    Redaction.redact(error));
        } else {
            LOG.warn(
                    "usage figures can't be computed; cached ones are served for as long as staleIfError allows: {}",
                    reason,
                    Redaction.redact(error));
        }
    }

    /** Notes a success of a computation that started at this state. */
    void succeeded(UsageKey key, long since) {
        if (!anyFailure) {
            return;
        }
        boolean ends;
        lock.lock();
        try {
            failures.remove(key);
            ends = isOpen() && since == changes;
            if (ends) {
                changes = since + 1;
            }
            anyFailure = isOpen() || !failures.isEmpty();
        } finally {
            lock.unlock();
        }
        if (ends) {
            LOG.info("usage figures are computed again");
        }
    }

    /** Returns the error of this figure's last computation if no retry cures it. */
    Optional<Throwable> permanentFailure(UsageKey key) {
        if (!anyFailure) {
            return Optional.empty();
        }
        lock.lock();
        try {
            return Optional.ofNullable(failures.get(key))
                    .filter(failure -> failure.isPermanent() && isRecent(failure.at(), ticker.getAsLong()))
                    .map(Failure::error);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Returns the error of this figure's last computation if no retry cures it and no computation that started later has succeeded, of
     * whatever figure: one that has shows that passwords, schemas and privileges are right by now.
     */
    Optional<Throwable> lastingFailure(UsageKey key) {
        if (!anyFailure) {
            return Optional.empty();
        }
        lock.lock();
        try {
            Failure last = failures.get(key);
            return isOpen() && last != null && last.incident() == changes ? permanentFailure(key) : Optional.empty();
        } finally {
            lock.unlock();
        }
    }

    /** Returns the error's message, with that of its deepest cause where the error's own doesn't contain it. */
    static String describe(Throwable error) {
        List<Throwable> chain = Redaction.chain(error);
        String message = message(error);
        for (int i = chain.size() - 1; i > 0; i--) {
            String cause = chain.get(i).getMessage();
            if (cause != null && !cause.isBlank()) {
                String name = chain.get(i).getClass().getSimpleName();
                return Redaction.redact(
                        message.contains(cause) ? message : message + "; cause: " + name + ": " + cause);
            }
        }
        return Redaction.redact(message);
    }

    private static String message(Throwable error) {
        String message = error.getMessage();
        return message == null || message.isBlank() ? error.toString() : message;
    }
}
