package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/**
 * Model of a flight store for one key: derives the expected answers from the list of all events so far. The fences are those that
 * the store issues.
 */
final class FlightModel {

    private record Stored(OrganisationUsage usage, long fence, Duration bornAt, Duration expiresAt) {}

    private record Lease(String token, long fence, Duration expiresAt) {}

    private record Failure(String reason, long fence, Duration expiresAt) {}

    private final UsageKey key;
    /** All fences, in the order in which they were issued. */
    private final List<Long> fences = new ArrayList<>();
    /** Number of fences issued before the last invalidation. */
    private int invalidated;

    private Duration now = Duration.ofDays(1);
    private Optional<Stored> stored = Optional.empty();
    private Optional<Lease> lease = Optional.empty();
    private Optional<Failure> failure = Optional.empty();

    FlightModel(UsageKey key) {
        this.key = key;
    }

    UsageKey key() {
        return key;
    }

    void elapse(Duration duration) {
        now = now.plus(duration);
        stored = stored.filter(one -> one.expiresAt().compareTo(now) > 0);
        lease = lease.filter(one -> one.expiresAt().compareTo(now) > 0);
        failure = failure.filter(one -> one.expiresAt().compareTo(now) > 0);
    }

    /** Returns one of the last three fences, or 1 if none was issued. */
    long someFence(Random random) {
        return fences.isEmpty() ? 1 : fences.get(fences.size() - 1 - random.nextInt(Math.min(3, fences.size())));
    }

    void checkAcquisition(LeaseRequest request, Acquisition actual) {
        Optional<Stored> acceptable =
                stored.filter(one -> now.minus(one.bornAt()).compareTo(request.acceptableAge()) < 0
                        || (request.awaitedFence().isPresent()
                                && one.fence() >= request.awaitedFence().getAsLong()));
        if (acceptable.isPresent()) {
            assertEquals(
                    acceptable.orElseThrow().usage(),
                    assertInstanceOf(Acquisition.Found.class, actual).figure().usage());
        } else if (failure.isPresent()) {
            Acquisition.Failed failed = assertInstanceOf(Acquisition.Failed.class, actual);
            assertEquals(failure.orElseThrow().reason(), failed.reason());
            assertEquals(failure.orElseThrow().fence(), failed.fence());
        } else if (lease.isPresent() && !lease.orElseThrow().token().equals(request.token())) {
            assertEquals(
                    lease.orElseThrow().fence(),
                    assertInstanceOf(Acquisition.Held.class, actual).fence());
        } else {
            checkAcquired(
                    request,
                    assertInstanceOf(Acquisition.Acquired.class, actual).fence());
        }
    }

    private void checkAcquired(LeaseRequest request, long fence) {
        if (lease.isPresent()) {
            assertEquals(lease.orElseThrow().fence(), fence, "fence of the same token");
        } else {
            assertTrue(fences.stream().allMatch(before -> before < fence), () -> fence + " is greater than " + fences);
            fences.add(fence);
        }
        lease = Optional.of(new Lease(request.token(), fence, now.plus(request.lease())));
    }

    void checkPublication(String token, long fence, AgedUsage figure, Duration timeToLive, Publication actual) {
        int turn = fences.indexOf(fence);
        if (turn >= invalidated && turn == fences.size() - 1) {
            assertEquals(new Publication.Stored(), actual);
            stored = Optional.of(new Stored(figure.usage(), fence, now.minus(figure.age()), now.plus(timeToLive)));
            lease = lease.filter(one -> !one.token().equals(token));
            return;
        }
        Optional<Stored> newer = stored.filter(
                one -> one.fence() > fence || now.minus(one.bornAt()).compareTo(figure.age()) < 0);
        if (newer.isPresent()) {
            assertEquals(
                    newer.orElseThrow().usage(),
                    assertInstanceOf(Publication.Superseded.class, actual)
                            .newer()
                            .usage());
        } else if (turn < invalidated) {
            assertEquals(new Publication.Invalidated(), actual);
        } else {
            assertEquals(new Publication.LeaseLost(fences.get(fences.size() - 1)), actual);
        }
    }

    boolean renew(String token, Duration length) {
        boolean ours = isHeldBy(token);
        if (ours) {
            lease = lease.map(one -> new Lease(token, one.fence(), now.plus(length)));
        }
        return ours;
    }

    void release(String token) {
        if (isHeldBy(token)) {
            lease = Optional.empty();
        }
    }

    void fail(String token, String reason, Duration backOff) {
        if (isHeldBy(token)) {
            failure = lease.map(one -> new Failure(reason, one.fence(), now.plus(backOff)));
            lease = Optional.empty();
        }
    }

    void invalidate() {
        invalidated = fences.size();
        stored = Optional.empty();
        lease = Optional.empty();
        failure = Optional.empty();
    }

    private boolean isHeldBy(String token) {
        return lease.isPresent() && lease.orElseThrow().token().equals(token);
    }
}
