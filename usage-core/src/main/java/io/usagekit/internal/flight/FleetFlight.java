package io.usagekit.internal.flight;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.Publication;
import io.usagekit.LoadOutcome;
import io.usagekit.LoadTerms;
import io.usagekit.UsageCalculationException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * An in-flight load that is coordinated with other processes over a {@link FlightStore}.
 *
 * <p>It registers for wake-ups first and tries to acquire the lease after that, so that no wake-up is lost in between. An
 * acquisition finds the figure, acquires the lease, or returns the lease of another process; in that case this load waits for
 * a wake-up, the end of that lease or the next poll, whichever comes first, and tries to acquire again. The leader renews its
 * lease at every third of its length, and at every heartbeat, which shows it an invalidation whose wake-up was lost; it publishes
 * under its fence. A publication that is rejected returns the newer figure
 * that is stored, or makes this load a follower of the one that holds the lease now.
 *
 * <p>A leader that can't compute yet, for want of a permit, releases its lease, so that it holds up no process that could. It then looks for
 * the figure at each wake-up and acquires the lease again when it can compute; a process whose permits are all in use acquires and releases
 * a lease once for each of its loads.
 */
final class FleetFlight extends Flight {

    /** After this many failed acquisitions in a row a waiting load takes the store for unreachable. */
    private static final int FAILED_ACQUIRES = 3;

    private static final int LEASES_PER_RENEWAL = 3;
    private static final Duration SHORTEST = Duration.ofMillis(1);

    private final FlightStore store;
    private final Duration lease;
    private final Duration pollInterval;
    private final Duration renewalInterval;
    private final String token = UUID.randomUUID().toString();
    /** Pending reasons to try to acquire; the thread that makes it positive acquires, so that acquisitions never overlap. */
    private final AtomicInteger wakeUpsPending = new AtomicInteger();

    private final AtomicInteger failedAcquires = new AtomicInteger();

    /** Completes with whether this load leads again; null unless it acquires a lease that it had suspended. */
    private final AtomicReference<@Nullable CompletableFuture<Boolean>> resuming = new AtomicReference<>();

    private final AtomicBoolean looking = new AtomicBoolean();

    private volatile OptionalLong awaited = OptionalLong.empty();
    private volatile boolean leads;
    /** The lease is released until the load can compute. */
    private volatile boolean suspended;
    /** The fence of the lease acquired last. */
    private volatile long fence;
    /** Number of computations begun: the outcome of one before the last, whose lease wasn't resumed, counts for nothing. */
    private final AtomicInteger computations = new AtomicInteger();
    /** An acquisition has failed, so that this token may hold the lease without an answer that says so. */
    private volatile boolean mayHoldLease;
    /** Why the store couldn't be reached when a suspended lease was to be acquired again, though this load computes. */
    private volatile @Nullable Throwable uncoordinated;

    private volatile FlightStore.@Nullable Registration registration;
    private volatile Delays.@Nullable Timer timer;

    FleetFlight(Start start, FlightStore store, Intervals intervals) {
        super(start);
        this.store = store;
        this.lease = intervals.lease();
        this.pollInterval = intervals.poll();
        Duration third = lease.dividedBy(LEASES_PER_RENEWAL);
        this.renewalInterval = intervals.heartbeat().compareTo(third) < 0 ? intervals.heartbeat() : third;
    }

    @Override
    void begin() {
        registration = store.onWakeUp(key(), this::wakeUp);
        wakeUp();
    }

    private void wakeUp() {
        if (leads && isStoring()) {
            return; // that step finds out; its own wake-up may come before its answer
        } else if (leads) {
            renew(); // a lease was released or the key invalidated: check that this token still holds its lease
        } else if (suspended) {
            look();
        } else if (wakeUpsPending.getAndIncrement() == 0) {
            acquire();
        }
    }

    private void acquire() {
        cancelTimer();
        int seen = wakeUpsPending.get();
        FlightStore.LeaseRequest request = new FlightStore.LeaseRequest(token, lease, terms().acceptableAge(), awaited);
        step(() -> store.acquire(key(), request), (acquisition, error) -> acquired(acquisition, error, seen));
    }

    private void acquired(@Nullable Acquisition acquisition, @Nullable Throwable error, int seen) {
        if (acquisition instanceof Acquisition.Acquired) {
            leads = true;
        }
        if (isCompleted()) {
            var unused = releaseLease();
            return;
        }
        CompletableFuture<Boolean> resumed = resuming.getAndSet(null);
        if (resumed != null && acquisition instanceof Acquisition.Acquired acquired) {
            fence = acquired.fence();
            scheduleRenewal();
            resumed.complete(true);
            return;
        }
        if (resumed != null && acquisition == null && task().mayGoOnUncoordinated(noFigure(error))) {
            mayHoldLease = true;
            uncoordinated = noFigure(error);
            resumed.complete(true); // with the permit that it has waited for
            return;
        }
        if (resumed != null) {
            computations.incrementAndGet();
            resumed.complete(false);
        }
        if (acquisition == null) {
            acquireFailed(noFigure(error), seen);
            return;
        }
        failedAcquires.set(0);
        if (acquisition instanceof Acquisition.Acquired acquired) {
            fence = acquired.fence();
            lead();
        } else if (acquisition instanceof Acquisition.Found found) {
            complete(awaited.isPresent() ? LoadOutcome.remote(found.figure()) : LoadOutcome.cached(found.figure()));
        } else if (acquisition instanceof Acquisition.Failed failed) {
            fail(failedElsewhere(failed));
        } else if (acquisition instanceof Acquisition.Held held) {
            follow(held, seen);
        }
    }

    private void acquireFailed(Throwable error, int seen) {
        mayHoldLease = true;
        if (failedAcquires.incrementAndGet() < FAILED_ACQUIRES && awaited.isPresent()) {
            await(jittered(pollInterval), seen);
        } else {
            step(
                    () -> task().computeUncoordinated(error),
                    (outcome, failure) -> computedUncoordinated(outcome, failure, error));
        }
    }

    private UsageCalculationException failedElsewhere(Acquisition.Failed failed) {
        return new UsageCalculationException(
                "the usage of " + key() + " couldn't be computed by another process: " + failed.reason()
                        + "; no process tries again for " + failed.remaining(),
                null);
    }

    private void follow(Acquisition.Held held, int seen) {
        if (terms().remoteLoads() == LoadTerms.RemoteLoads.NOT_AWAITED) {
            complete(LoadOutcome.notWaited());
            return;
        }
        if (awaited.isEmpty()) {
            awaited = OptionalLong.of(held.fence());
            task().remoteLoadAwaited();
        }
        Duration poll = jittered(pollInterval);
        Duration untilItEnds = held.remaining().plus(SHORTEST);
        await(poll.compareTo(untilItEnds) < 0 ? poll : untilItEnds, seen);
    }

    /** Waits for the next wake-up; not at all, if one has arrived since the acquisition was started. */
    private void await(Duration atMost, int seen) {
        timer = delays().after(atMost, this::wakeUp);
        if (isCompleted()) {
            cancelTimer();
        } else if (wakeUpsPending.addAndGet(-seen) != 0) {
            acquire();
        }
    }

    /** Jitters by a half up and down, so that processes that began to wait together don't poll together. */
    private static Duration jittered(Duration interval) {
        long nanos = interval.toNanos();
        return Duration.ofNanos(nanos / 2 + ThreadLocalRandom.current().nextLong(nanos + 1));
    }

    private void lead() {
        scheduleRenewal();
        int computation = computations.incrementAndGet();
        step(() -> task().computeUnderLease(new HeldLease()), (outcome, error) -> {
            Throwable cause = uncoordinated;
            if (computation != computations.get()) {
                return;
            } else if (cause == null) {
                computed(outcome, error);
            } else {
                computedUncoordinated(outcome, error, cause);
            }
        });
    }

    /** The lease of one computation. */
    private final class HeldLease implements FlightTask.Lease {

        private final AtomicBoolean decided = new AtomicBoolean();
        private final CompletableFuture<Void> released = new CompletableFuture<>();

        @Override
        public void suspend() {
            if (decided.compareAndSet(false, true)) {
                suspended = true;
                var unused = releaseLease().whenComplete((done, error) -> released.complete(null));
                scheduleLook();
            }
        }

        @Override
        public CompletionStage<Boolean> resume() {
            return decided.compareAndSet(false, true)
                    ? CompletableFuture.completedFuture(true)
                    : released.thenCompose(done -> FleetFlight.this.resume());
        }
    }

    /** Looks at wake-ups; and at times, since these may be lost. */
    private void scheduleLook() {
        Delays.Timer next = delays().after(renewalInterval, this::look);
        timer = next;
        if (!suspended || isCompleted()) {
            next.cancel(); // not that of a lease which has been resumed meanwhile
        }
    }

    private void look() {
        if (suspended && looking.compareAndSet(false, true)) {
            cancelTimer();
            step(task()::look, (found, error) -> {
                looking.set(false);
                if (found != null && found.isPresent()) {
                    complete(LoadOutcome.remote(found.get()));
                } else if (suspended) {
                    scheduleLook();
                }
            });
        }
    }

    /** Acquires the suspended lease again. */
    private CompletableFuture<Boolean> resume() {
        if (isCompleted()) {
            return CompletableFuture.completedFuture(false);
        }
        CompletableFuture<Boolean> resumed = new CompletableFuture<>();
        resuming.set(resumed);
        suspended = false;
        wakeUpsPending.set(1);
        acquire();
        if (isCompleted()) {
            endResuming();
        }
        return resumed;
    }

    private void endResuming() {
        CompletableFuture<Boolean> resumed = resuming.getAndSet(null);
        if (resumed != null) {
            resumed.complete(false);
        }
    }

    private void scheduleRenewal() {
        cancelTimer();
        Delays.Timer next = delays().after(renewalInterval, this::renew);
        timer = next;
        if (!leads) {
            next.cancel();
        }
    }

    private void renew() {
        if (leads) {
            step(() -> store.renew(key(), token, lease), (renewed, error) -> {
                // A lost lease stays lost: publishing finds out what that means, and the next caller starts a new load.
                // After a renewal that failed this token may still hold the lease.
                if (Boolean.FALSE.equals(renewed)) {
                    freeKey();
                } else if (leads) {
                    scheduleRenewal();
                }
            });
        }
    }

    private void computed(@Nullable LoadOutcome outcome, @Nullable Throwable error) {
        if (isCompleted()) {
            return;
        }
        if (outcome == null) {
            endLease(noFigure(error));
            return;
        }
        AgedUsage figure = task().atPresentAge(outcome.figure().orElseThrow());
        Duration timeToLive = terms().timeToLive(figure);
        if (timeToLive.compareTo(SHORTEST) < 0) {
            var unused = releaseLease();
            complete(outcome);
        } else if (beginStore()) {
            step(
                    () -> store.publish(key(), token, fence, figure, timeToLive),
                    (publication, failure) -> published(outcome, publication, failure));
        } else {
            var unused = releaseLease();
            task().publicationRejected();
            complete(outcome);
        }
    }

    /** Reports the failure to other processes before callers here receive it, so that a new call here finds no lease held. */
    private void endLease(Throwable error) {
        stopLeading();
        Optional<Duration> backOff = task().backOff(error);
        step(
                () -> backOff.isPresent()
                        ? store.fail(key(), token, String.valueOf(error.getMessage()), backOff.get())
                        : store.release(key(), token),
                (done, failure) -> fail(error));
    }

    private void published(LoadOutcome outcome, @Nullable Publication publication, @Nullable Throwable error) {
        if (publication == null) {
            var unused = releaseLease(); // the store may be reachable again by now
        }
        stopLeading();
        if (publication instanceof Publication.LeaseLost lost) {
            task().publicationRejected();
            resumeAfterStore();
            awaited = OptionalLong.of(lost.fence());
            if (!isCompleted()) {
                wakeUpsPending.set(1);
                acquire();
            }
            return;
        }
        if (publication == null) {
            keepInMemory(() -> task().publicationFailed(outcome.figure().orElseThrow(), noFigure(error)));
        } else {
            endStore();
        }
        if (publication instanceof Publication.Superseded superseded) {
            task().publicationRejected();
            complete(LoadOutcome.remote(superseded.newer()));
            return;
        }
        if (publication instanceof Publication.Stored) {
            task().published();
        } else if (publication instanceof Publication.Invalidated) {
            task().publicationRejected();
        }
        complete(outcome);
    }

    /** Ends the store after that: an invalidation that waits for it then removes the copy as well. */
    private void keepInMemory(Runnable step) {
        try {
            step.run();
        } finally {
            endStore();
        }
    }

    private void computedUncoordinated(@Nullable LoadOutcome outcome, @Nullable Throwable error, Throwable cause) {
        if (outcome == null) {
            fail(noFigure(error));
        } else if (isCompleted()) {
            return;
        } else if (beginStore()) {
            keepInMemory(() -> task().computedUncoordinated(outcome.figure().orElseThrow(), cause));
            complete(outcome);
        } else {
            task().publicationRejected();
            complete(outcome);
        }
    }

    private void stopLeading() {
        leads = false;
        mayHoldLease = false;
        cancelTimer();
    }

    private void cancelTimer() {
        Delays.Timer waiting = timer;
        if (waiting != null) {
            waiting.cancel();
        }
    }

    private CompletableFuture<Void> releaseLease() {
        if (!leads && !mayHoldLease) {
            return CompletableFuture.completedFuture(null);
        }
        stopLeading();
        CompletionStage<Void> released;
        try {
            released = store.release(key(), token);
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
        return released.toCompletableFuture();
    }

    @Override
    CompletableFuture<Void> cleanUp() {
        FlightStore.Registration wakeUps = registration;
        if (wakeUps != null) {
            wakeUps.close();
        }
        cancelTimer();
        CompletableFuture<Void> released = releaseLease();
        endResuming();
        return released;
    }
}
