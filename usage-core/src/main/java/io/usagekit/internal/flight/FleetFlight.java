package io.usagekit.internal.flight;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.Publication;
import io.usagekit.SingleFlight.Landing;
import io.usagekit.SingleFlight.Origin;
import io.usagekit.SingleFlight.Patience;
import io.usagekit.UsageCalculationException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * An in-flight load that is coordinated with other processes over a {@link FlightStore}.
 *
 * <p>It registers for wake-ups first and tries to acquire the lease after that, so that no wake-up is lost in between. An
 * acquisition finds the figure, acquires the lease, or returns the lease of another process; in that case this load waits for
 * a wake-up, the end of that lease or the next poll, whichever comes first, and tries to acquire again. The leader renews its
 * lease at every third of its length and publishes under its fence. A publication that is rejected returns the newer figure
 * that is stored, or makes this load a follower of the one that holds the lease now.
 */
final class FleetFlight extends Flight {

    /** After this many failed acquisitions in a row a waiting load takes the store for unreachable. */
    private static final int FAILED_ACQUIRES = 3;

    private static final int LEASES_PER_RENEWAL = 3;
    private static final Duration SHORTEST = Duration.ofMillis(1);

    private final FlightStore store;
    private final Duration lease;
    private final Duration pollInterval;
    private final String token = UUID.randomUUID().toString();
    /** Pending reasons to try to acquire; the thread that makes it positive acquires, so that acquisitions never overlap. */
    private final AtomicInteger pokes = new AtomicInteger();

    private final AtomicInteger failedAcquires = new AtomicInteger();

    private volatile OptionalLong followed = OptionalLong.empty();
    private volatile boolean leads;
    /** An acquisition has failed, so that this token may hold the lease without an answer that says so. */
    private volatile boolean mayHaveLease;

    private volatile FlightStore.@Nullable Registration wakeUps;
    private volatile Delays.@Nullable Timer timer;

    FleetFlight(Start start, FlightStore store, Duration lease, Duration pollInterval) {
        super(start);
        this.store = store;
        this.lease = lease;
        this.pollInterval = pollInterval;
    }

    @Override
    void begin() {
        wakeUps = store.onWakeUp(key(), this::poke);
        poke();
    }

    private void poke() {
        if (leads) {
            renew(); // somebody gave a lease back or invalidated: is ours still ours?
        } else if (pokes.getAndIncrement() == 0) {
            acquire();
        }
    }

    private void acquire() {
        cancelTimer();
        int seen = pokes.get();
        FlightStore.LeaseRequest request = new FlightStore.LeaseRequest(token, lease, load().acceptableAge(), followed);
        step(() -> store.acquire(key(), request), (acquisition, error) -> acquired(acquisition, error, seen));
    }

    private void acquired(@Nullable Acquisition acquisition, @Nullable Throwable error, int seen) {
        if (acquisition instanceof Acquisition.Acquired) {
            leads = true;
        }
        if (hasLanded()) {
            var unused = giveLeaseBack();
            return;
        }
        if (acquisition == null) {
            acquireFailed(noFigure(error), seen);
            return;
        }
        failedAcquires.set(0);
        if (acquisition instanceof Acquisition.Acquired lease) {
            lead(lease.fence());
        } else if (acquisition instanceof Acquisition.Found found) {
            land(Landing.with(found.figure(), followed.isPresent() ? Origin.FOLLOWED : Origin.FOUND));
        } else if (acquisition instanceof Acquisition.Failed failed) {
            fail(failedElsewhere(failed));
        } else if (acquisition instanceof Acquisition.Held held) {
            follow(held, seen);
        }
    }

    private void acquireFailed(Throwable error, int seen) {
        mayHaveLease = true;
        if (failedAcquires.incrementAndGet() < FAILED_ACQUIRES && followed.isPresent()) {
            await(jittered(pollInterval), seen);
        } else {
            step(() -> load().computeAlone(error), this::computedAlone);
        }
    }

    private UsageCalculationException failedElsewhere(Acquisition.Failed failed) {
        return new UsageCalculationException(
                "the usage of " + key() + " couldn't be computed by another process: " + failed.reason()
                        + "; nobody tries again for " + failed.remaining(),
                null);
    }

    private void follow(Acquisition.Held held, int seen) {
        if (load().patience() == Patience.LEAVES) {
            land(Landing.left());
            return;
        }
        if (followed.isEmpty()) {
            followed = OptionalLong.of(held.fence());
            load().remoteLoadAwaited();
        }
        Duration poll = jittered(pollInterval);
        Duration untilItEnds = held.remaining().plus(SHORTEST);
        await(poll.compareTo(untilItEnds) < 0 ? poll : untilItEnds, seen);
    }

    /** Waits for the next wake-up; not at all, if one has arrived since the acquisition was started. */
    private void await(Duration atMost, int seen) {
        timer = delays().after(atMost, this::poke);
        if (hasLanded()) {
            cancelTimer();
        } else if (pokes.addAndGet(-seen) != 0) {
            acquire();
        }
    }

    /** Half as long to half as long again: processes that began to wait together don't look together. */
    private static Duration jittered(Duration interval) {
        long nanos = interval.toNanos();
        return Duration.ofNanos(nanos / 2 + ThreadLocalRandom.current().nextLong(nanos + 1));
    }

    private void lead(long fence) {
        awaitRenewal();
        step(load()::compute, (figure, error) -> computed(fence, figure, error));
    }

    private void awaitRenewal() {
        cancelTimer();
        timer = delays().after(lease.dividedBy(LEASES_PER_RENEWAL), this::renew);
        if (!leads) {
            cancelTimer();
        }
    }

    private void renew() {
        if (leads) {
            step(() -> store.renew(key(), token, lease), (renewed, error) -> {
                // A lease that is lost stays lost: publishing will tell what that means, and who asks from now on
                // flies anew. One that couldn't be asked about may still be ours.
                if (Boolean.FALSE.equals(renewed)) {
                    freeKey();
                } else if (leads) {
                    awaitRenewal();
                }
            });
        }
    }

    private void computed(long fence, @Nullable AgedUsage figure, @Nullable Throwable error) {
        if (hasLanded()) {
            return;
        }
        if (figure == null) {
            endLease(noFigure(error));
        } else if (load().timeToLive(figure).compareTo(SHORTEST) < 0) {
            var unused = giveLeaseBack();
            land(computed(figure));
        } else if (beginKeeping()) {
            step(
                    () -> store.publish(key(), token, fence, figure, load().timeToLive(figure)),
                    (publication, failure) -> published(figure, publication, failure));
        } else {
            var unused = giveLeaseBack();
            load().publicationRejected();
            land(computed(figure));
        }
    }

    /** Others learn of the failure before those here do, so that who asks again here doesn't find the lease still held. */
    private void endLease(Throwable error) {
        stopLeading();
        Optional<Duration> backOff = load().backOff(error);
        step(
                () -> backOff.isPresent()
                        ? store.fail(key(), token, String.valueOf(error.getMessage()), backOff.get())
                        : store.release(key(), token),
                (done, failure) -> fail(error));
    }

    private void published(AgedUsage figure, @Nullable Publication publication, @Nullable Throwable error) {
        if (publication == null) {
            var unused = giveLeaseBack(); // should the store be back by now
        }
        stopLeading();
        if (publication instanceof Publication.LeaseLost lost) {
            load().publicationRejected();
            notKeptYet();
            followed = OptionalLong.of(lost.fence());
            if (!hasLanded()) {
                pokes.set(1);
                acquire();
            }
            return;
        }
        kept();
        if (publication instanceof Publication.Superseded superseded) {
            load().publicationRejected();
            land(Landing.with(superseded.newer(), Origin.FOLLOWED));
            return;
        }
        if (publication instanceof Publication.Invalidated) {
            load().publicationRejected();
        } else if (publication == null) {
            load().notKept(figure, noFigure(error));
        }
        land(computed(figure));
    }

    private void computedAlone(@Nullable AgedUsage figure, @Nullable Throwable error) {
        if (figure == null) {
            fail(noFigure(error));
        } else {
            land(computed(figure));
        }
    }

    private void stopLeading() {
        leads = false;
        mayHaveLease = false;
        cancelTimer();
    }

    private void cancelTimer() {
        Delays.Timer waiting = timer;
        if (waiting != null) {
            waiting.cancel();
        }
    }

    private CompletableFuture<Void> giveLeaseBack() {
        if (!leads && !mayHaveLease) {
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
    CompletableFuture<Void> clearUp() {
        FlightStore.Registration registration = wakeUps;
        if (registration != null) {
            registration.close();
        }
        cancelTimer();
        return giveLeaseBack();
    }
}
