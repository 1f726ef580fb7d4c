package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.OutagePolicy;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsageUnavailableException;
import io.usagekit.internal.flight.Causes;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinTask;
import org.jspecify.annotations.Nullable;

/** One load of one figure. Whoever started it may be long gone; it has its own deadline. */
final class UsageLoad implements SingleFlight.Load {

    /** Who asks. */
    enum Purpose {
        /** Nothing can be served: whatever is kept by now will do. */
        MISS,
        /** What is kept is old: only a younger figure will do, and nobody waits for it. */
        REFRESH,
        /** As a refresh, but waited for. */
        WARM,
        /** Only a figure computed from now on will do. */
        RENEWAL
    }

    private final Computations computations;
    private final UsageKey key;
    private final Purpose purpose;
    private final Duration acceptableAge;
    private final boolean cacheDown;
    private final UsageListener listener;
    private volatile boolean tookOff;
    private volatile long deadline;
    private volatile @Nullable Thread home;
    private volatile @Nullable Computation computation;

    UsageLoad(Computations computations, UsageKey key, Purpose purpose, Duration acceptableAge, boolean cacheDown) {
        this.computations = computations;
        this.key = key;
        this.purpose = purpose;
        this.acceptableAge = acceptableAge;
        this.cacheDown = cacheDown;
        this.listener = computations.listener();
    }

    UsageKey key() {
        return key;
    }

    Purpose purpose() {
        return purpose;
    }

    /** Whether this load was the one to fly; otherwise its caller joined another. */
    boolean hasTakenOff() {
        return tookOff;
    }

    /** Whether the calculator was asked, so that a failure says something of the database. */
    boolean hasComputed() {
        Computation last = computation;
        return last != null && last.hasBegun();
    }

    @Override
    public void tookOff() {
        tookOff = true;
        home = ForkJoinTask.getPool() == ForkJoinPool.commonPool() ? null : Thread.currentThread();
        deadline = computations.now() + timeout().toNanos();
        computations.tookOff(this);
        backOffOnceMore();
    }

    /**
     * A caller that looked before a failure was noted, and was then held up until that flight had landed, would otherwise fly
     * into what is to be backed off from.
     */
    private void backOffOnceMore() {
        if (purpose == Purpose.MISS || purpose == Purpose.REFRESH) {
            computations.backOff().of(key).ifPresent(error -> {
                throw new CompletionException(purpose == Purpose.MISS ? error : new RefreshDroppedException());
            });
        }
    }

    /**
     * The thread that it took off on, where a host's executor may run the computation if it likes; none if that is the common
     * pool's, which others need meanwhile: from JDK 25 on it may be the only one there.
     */
    @Nullable
    Thread home() {
        return home;
    }

    /** What is left of its time. */
    Duration left() {
        return Duration.ofNanos(deadline - computations.now());
    }

    @Override
    public Duration timeout() {
        return computations.timeout();
    }

    @Override
    public Throwable timedOut() {
        String what = "the usage of " + key + " wasn't computed within " + timeout();
        Computation last = computation;
        if (last == null || last.hasBegun()) {
            return new UsageCalculationException(what, SingleFlight.Load.super.timedOut());
        }
        return new UsageOverloadedException(what + ": " + last.waitingFor(), last.rejection());
    }

    @Override
    public Duration acceptableAge() {
        return acceptableAge;
    }

    @Override
    public SingleFlight.Patience patience() {
        return purpose == Purpose.REFRESH ? SingleFlight.Patience.LEAVES : SingleFlight.Patience.WAITS;
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> lookAgain() {
        if (cacheDown || acceptableAge.isZero()) {
            return CompletableFuture.completedFuture(Optional.empty());
        }
        return computations
                .cache()
                .read(key)
                .thenApply(
                        lookup -> lookup.figure().filter(figure -> figure.age().compareTo(acceptableAge) < 0));
    }

    @Override
    public CompletionStage<AgedUsage> compute() {
        Computation next = new Computation(computations, this);
        computation = next;
        return next.start();
    }

    @Override
    public CompletionStage<AgedUsage> computeAlone(Throwable why) {
        listener.coordinationFailed(key, why);
        if (computations.outagePolicy() == OutagePolicy.FAIL_CLOSED) {
            return CompletableFuture.failedFuture(new UsageUnavailableException(
                    "the usage of " + key + " isn't computed while the cache can't be reached", why));
        }
        return compute().thenApply(figure -> {
            computations.cache().putFallback(key, figure);
            return figure;
        });
    }

    /** Before the flight lands, so that who asks next finds it; unless the cache is down, when nobody shall wait for it. */
    @Override
    public CompletionStage<Void> keep(AgedUsage figure) {
        CompletableFuture<Void> written = computations
                .cache()
                .write(key, figure)
                .toCompletableFuture()
                .handle((done, error) -> {
                    if (error != null) {
                        notKept(figure, Causes.unwrap(error));
                    }
                    return null;
                });
        return cacheDown ? CompletableFuture.completedFuture(null) : written;
    }

    @Override
    public Duration timeToLive(AgedUsage figure) {
        return computations.cache().timeToLive(figure);
    }

    @Override
    public Optional<Duration> backOff(Throwable error) {
        return hasComputed() && !computations.isClosed()
                ? computations.backOff().forOthers()
                : Optional.empty();
    }

    @Override
    public void remoteLoadAwaited() {
        listener.remoteLoadAwaited(key);
    }

    @Override
    public void publicationRejected() {
        listener.publicationRejected(key);
    }

    @Override
    public void notKept(AgedUsage figure, Throwable error) {
        computations.cache().putFallback(key, figure);
        listener.cacheWriteFailed(key, error);
    }

    @Override
    public void failed(Throwable error) {
        if (hasComputed() && !computations.isClosed()) {
            computations.backOff().failed(key, error);
        }
        if (purpose == Purpose.REFRESH && !(error instanceof RefreshDroppedException)) {
            listener.refreshFailed(key, error);
        }
    }

    @Override
    public void landed() {
        Computation last = computation;
        if (last != null) {
            last.nobodyWaits();
        }
        computations.landed(this);
    }

    /** The service is closed: those who wait needn't wait for the deadline. */
    void abandon() {
        Computation last = computation;
        if (last != null) {
            last.refused();
        }
    }
}
