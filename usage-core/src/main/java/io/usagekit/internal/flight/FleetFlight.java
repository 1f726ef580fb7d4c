package io.usagekit.internal.flight;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore.Claim;
import io.usagekit.FlightStore.Publication;
import io.usagekit.FlightStore;
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
 * A flight among those of other processes.
 *
 * <p>It registers for wake-ups and only then claims, so that none is lost in between. A claim finds the figure, or is granted
 * the lease, or learns who has it; then it waits for a wake-up, the end of that lease or the next poll, whichever comes first,
 * and claims again. The leader renews its lease at every third of it and publishes under its fence. A publication that is
 * rejected gives the newer figure that is stored, or makes this flight a follower of the one that outran it.
 */
final class FleetFlight extends Flight {

    /** So many claims in a row that fail mean that the store is gone, for one that has been waiting. */
    private static final int FAILED_CLAIMS = 3;

    private static final int LEASES_PER_RENEWAL = 3;
    private static final Duration SHORTEST = Duration.ofMillis(1);

    private final FlightStore store;
    private final Duration lease;
    private final Duration pollInterval;
    private final String token = UUID.randomUUID().toString();
    /** Reasons to claim that haven't been dealt with; whoever makes it positive claims, so that claims never overlap. */
    private final AtomicInteger pokes = new AtomicInteger();

    private final AtomicInteger failedClaims = new AtomicInteger();

    private volatile OptionalLong followed = OptionalLong.empty();
    private volatile boolean leads;
    /** A claim has failed, so that the lease may have been granted without our knowing. */
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
            claim();
        }
    }

    private void claim() {
        cancelTimer();
        int seen = pokes.get();
        FlightStore.Terms terms = new FlightStore.Terms(token, lease, load().acceptableAge(), followed);
        step(() -> store.claim(key(), terms), (claim, error) -> claimed(claim, error, seen));
    }

    private void claimed(@Nullable Claim claim, @Nullable Throwable error, int seen) {
        if (claim instanceof Claim.Granted) {
            leads = true;
        }
        if (hasLanded()) {
            var unused = giveLeaseBack();
            return;
        }
        if (claim == null) {
            claimFailed(noFigure(error), seen);
            return;
        }
        failedClaims.set(0);
        if (claim instanceof Claim.Granted granted) {
            lead(granted.fence());
        } else if (claim instanceof Claim.Found found) {
            land(Landing.with(found.figure(), followed.isPresent() ? Origin.FOLLOWED : Origin.FOUND));
        } else if (claim instanceof Claim.Failed failed) {
            fail(failedElsewhere(failed));
        } else if (claim instanceof Claim.Held held) {
            follow(held, seen);
        }
    }

    private void claimFailed(Throwable error, int seen) {
        mayHaveLease = true;
        if (failedClaims.incrementAndGet() < FAILED_CLAIMS && followed.isPresent()) {
            await(jittered(pollInterval), seen);
        } else {
            step(() -> load().computeAlone(error), this::computedAlone);
        }
    }

    private UsageCalculationException failedElsewhere(Claim.Failed failed) {
        return new UsageCalculationException(
                "the usage of " + key() + " couldn't be computed by another process: " + failed.reason()
                        + "; nobody tries again for " + failed.remaining(),
                null);
    }

    private void follow(Claim.Held held, int seen) {
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

    /** Until the next poke; at once, if one has come since the claim was made. */
    private void await(Duration atMost, int seen) {
        timer = delays().after(atMost, this::poke);
        if (hasLanded()) {
            cancelTimer();
        } else if (pokes.addAndGet(-seen) != 0) {
            claim();
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
        if (publication instanceof Publication.Outrun outrun) {
            load().publicationRejected();
            notKeptYet();
            followed = OptionalLong.of(outrun.fence());
            if (!hasLanded()) {
                pokes.set(1);
                claim();
            }
            return;
        }
        kept();
        if (publication instanceof Publication.Superseded superseded) {
            load().publicationRejected();
            land(Landing.with(superseded.newer(), Origin.FOLLOWED));
            return;
        }
        if (publication instanceof Publication.Forgotten) {
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
