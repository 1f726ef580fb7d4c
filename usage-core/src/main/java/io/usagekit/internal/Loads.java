package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.LoadOutcome;
import io.usagekit.LoadOutcome.Origin;
import io.usagekit.OutagePolicy;
import io.usagekit.SingleFlight;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.internal.UsageLoad.Purpose;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Loads of figures by the single-flight: each call starts one or joins the one that is in flight. */
final class Loads {

    private final SingleFlight singleFlight;
    private final Computations computations;
    private final Limits limits;
    private final UsageListener listener;
    private final RefreshAttempts attempts;

    Loads(SingleFlight singleFlight, Computations computations, Limits limits, Duration errorBackOff) {
        this.singleFlight = singleFlight;
        this.computations = computations;
        this.limits = limits;
        this.listener = computations.listener();
        this.attempts = new RefreshAttempts(errorBackOff, computations.ticker());
    }

    /**
     * Starts a refresh of a figure, unless its last computation failed a short while ago, or the last refresh brought no figure.
     *
     * @param cacheDown whether the cache can't be read
     */
    void refresh(UsageKey key, AgedUsage old, boolean cacheDown, @Nullable LoadBatch batch) {
        if (mayRefresh(key) && attempts.begin(key)) {
            Duration acceptableAge = Limits.acceptableAge(limits.softFor(old), old);
            var unused = load(key, Purpose.REFRESH, acceptableAge, cacheDown, batch)
                    .whenComplete((outcome, error) -> {
                        if (outcome != null && hasFigureOfUse(outcome, acceptableAge)) {
                            attempts.succeeded(key);
                        }
                    });
        }
    }

    /** Loads a figure whose caller waits for a fresh one, unless the cache has it. */
    CompletableFuture<Origin> warm(UsageKey key, Lookup lookup) {
        if (lookup.figure().filter(limits::isFresh).isPresent()) {
            return CompletableFuture.completedFuture(Origin.CACHED);
        }
        Throwable outage = lookup.error();
        if (outage != null && computations.outagePolicy() == OutagePolicy.FAIL_CLOSED) {
            return CompletableFuture.failedFuture(Computations.notWithoutCache(key, outage));
        }
        Duration acceptableAge = lookup.figure()
                .map(old -> Limits.acceptableAge(limits.softFor(old), old))
                .orElse(limits.soft());
        return load(key, Purpose.WARM, acceptableAge, outage != null, null).thenApply(LoadOutcome::origin);
    }

    /** Whether there is a figure that isn't to be refreshed itself: the newest one of a source that lags may be. */
    private boolean hasFigureOfUse(LoadOutcome outcome, Duration acceptableAge) {
        return outcome.figure()
                .filter(figure -> !isOfSourceThatLags(figure) || figure.age().compareTo(acceptableAge) < 0)
                .isPresent();
    }

    private boolean isOfSourceThatLags(AgedUsage figure) {
        return !computations.calculator().ageOf(figure.usage()).isZero();
    }

    /**
     * Whether a figure of this key is to be computed and stored although the last one couldn't be: takes the process's one attempt of
     * the interval, unless it would be spent on a key that backs off.
     */
    boolean mayTryToStore(UsageKey key) {
        return mayRefresh(key) && computations.writeOutage().isAttemptDue();
    }

    private boolean mayRefresh(UsageKey key) {
        return computations.backOff().of(key).isEmpty() && attempts.isDue(key);
    }

    /**
     * Starts a load or joins the one in flight. A caller that needs a figure and has joined a load that was of no use to it (a
     * refresh that was dropped or didn't wait for another process; one that found a figure too old for this caller; one that began
     * before the period's end and ended after it, unless the source lags: then it may have nothing newer) loads again.
     */
    CompletableFuture<LoadOutcome> load(
            UsageKey key, Purpose purpose, Duration acceptableAge, boolean cacheDown, @Nullable LoadBatch batch) {
        UsageLoad load = new UsageLoad(computations, key, purpose, acceptableAge, cacheDown, batch);
        listener.loadRequested(key);
        CompletableFuture<LoadOutcome> running = Futures.of(() -> singleFlight.run(key, load));
        load.returned(running);
        return Futures.compose(running, (outcome, error) -> {
            load.settle(outcome, error);
            Throwable failure = error == null ? null : load.timeoutAsOurs(error);
            report(key, outcome, failure);
            if (purpose != Purpose.REFRESH && isOfNoUse(load, outcome, error)) {
                CompletableFuture<LoadOutcome> next =
                        loadOnPoolThread(key, purpose, stillAcceptable(acceptableAge, outcome), cacheDown);
                return purpose == Purpose.MISS && isOverdue(outcome)
                        ? next.exceptionallyCompose(newer -> running)
                        : next;
            }
            if (outcome != null && purpose == Purpose.MISS && isOfBefore(load, outcome)) {
                return CompletableFuture.completedFuture(
                        LoadOutcome.cached(outcome.figure().get()));
            }
            return failure == null ? running : CompletableFuture.failedFuture(failure);
        });
    }

    /**
     * Whether a caller that has joined a load got a figure of before its call: its age decides then how fresh it is, as that of a cached one. The age of one
     * whose source lags doesn't say when it was computed.
     */
    private boolean isOfBefore(UsageLoad load, LoadOutcome outcome) {
        boolean isOwn = load.isLeader() && outcome.origin() == Origin.COMPUTED;
        return !isOwn
                && outcome.figure()
                        .filter(figure -> figure.age().compareTo(load.waited()) > 0 && !isOfSourceThatLags(figure))
                        .isPresent();
    }

    /** Whether the period ended while the figure was computed: another one is better, but this one better than none. */
    private static boolean isOverdue(@Nullable LoadOutcome outcome) {
        return outcome != null && outcome.figure().filter(Limits::isOverdue).isPresent();
    }

    private void report(UsageKey key, @Nullable LoadOutcome outcome, @Nullable Throwable error) {
        if (outcome != null) {
            listener.loadCompleted(key, outcome.origin());
        } else if (error != null) {
            listener.loadFailed(key, error);
        }
    }

    /** The thread that completes a load may be a driver's or a timer's, where no other load should start. */
    private CompletableFuture<LoadOutcome> loadOnPoolThread(
            UsageKey key, Purpose purpose, Duration acceptableAge, boolean cacheDown) {
        return CompletableFuture.completedFuture(key)
                .thenComposeAsync(same -> load(same, purpose, acceptableAge, cacheDown, null));
    }

    /**
     * Whether the outcome is of no use to a caller that needs a figure, and another load may have a better one: this one's was that of
     * another caller or process.
     */
    private boolean isOfNoUse(UsageLoad load, @Nullable LoadOutcome outcome, @Nullable Throwable error) {
        boolean isOwn = load.isLeader() && (outcome == null || outcome.origin() != Origin.REMOTE);
        if (isOwn) {
            return false;
        } else if (outcome == null) {
            return error instanceof LoadFailures.RefreshDroppedException;
        } else if (outcome.figure().isEmpty()) {
            return true;
        }
        return (isOverdue(outcome) && !isOfSourceThatLags(outcome.figure().get()))
                || (outcome.origin() == Origin.CACHED
                        && outcome.figure().get().age().compareTo(load.acceptableAge()) >= 0);
    }

    private Duration stillAcceptable(Duration acceptableAge, @Nullable LoadOutcome outcome) {
        return Optional.ofNullable(outcome)
                .flatMap(LoadOutcome::figure)
                .map(figure -> Limits.acceptableAge(acceptableAge, figure))
                .orElse(acceptableAge);
    }

    /**
     * Limits refreshes that come to nothing, for want of a permit or since another process has the lease, to one attempt per key and
     * interval: a stale hit costs no more than a fresh one meanwhile. Thread-safe; holds at most {@value #MOST} keys. While it is full, keys
     * that it doesn't hold aren't refreshed: so many attempts have come to nothing, or are under way.
     */
    static final class RefreshAttempts {

        static final int MOST = 10_000;

        /** When the next attempt may begin, by the ticker. */
        private final ConcurrentHashMap<UsageKey, Long> next = new ConcurrentHashMap<>();
        /** When keys whose interval is over are removed next, if it is full. */
        private final AtomicLong nextRemoval;

        private final long interval;
        private final LongSupplier ticker;

        /**
         * Without an attempt so far.
         *
         * @param interval from one attempt to the next; zero: attempts aren't limited
         */
        RefreshAttempts(Duration interval, LongSupplier ticker) {
            this.interval = interval.toNanos();
            this.ticker = ticker;
            this.nextRemoval = new AtomicLong(ticker.getAsLong());
        }

        /** Whether {@link #begin} would return true. */
        boolean isDue(UsageKey key) {
            if (next.isEmpty()) {
                return true;
            }
            long now = ticker.getAsLong();
            Long due = next.get(key);
            return due == null ? hasRoom(now) : now - due >= 0;
        }

        /** Returns whether the caller may begin an attempt; if so, no other caller may until the interval is over or it has succeeded. */
        boolean begin(UsageKey key) {
            if (interval == 0) {
                return true;
            }
            long now = ticker.getAsLong();
            Long due = next.get(key);
            return due == null
                    ? hasRoom(now) && next.putIfAbsent(key, now + interval) == null
                    : now - due >= 0 && next.replace(key, due, now + interval);
        }

        /** Removes keys at most once in an interval: a full map would be read for each hit otherwise. */
        private boolean hasRoom(long now) {
            if (next.mappingCount() < MOST) {
                return true;
            }
            long due = nextRemoval.get();
            if (now - due >= 0 && nextRemoval.compareAndSet(due, now + interval)) {
                next.values().removeIf(other -> now - other >= 0);
            }
            return next.mappingCount() < MOST;
        }

        /** Notes that an attempt has brought a figure. */
        void succeeded(UsageKey key) {
            next.remove(key);
        }
    }
}
