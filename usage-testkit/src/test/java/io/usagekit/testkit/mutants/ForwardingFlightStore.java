package io.usagekit.testkit.mutants;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.concurrent.CompletionStage;

/** Flight store that forwards each call; mutants override one. */
class ForwardingFlightStore implements FlightStore {

    final FlightStore right;

    ForwardingFlightStore(FlightStore right) {
        this.right = right;
    }

    @Override
    public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
        return right.acquire(key, request);
    }

    @Override
    public CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease) {
        return right.renew(key, token, lease);
    }

    @Override
    public CompletionStage<Publication> publish(
            UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
        return right.publish(key, token, fence, figure, timeToLive);
    }

    @Override
    public CompletionStage<Void> release(UsageKey key, String token) {
        return right.release(key, token);
    }

    @Override
    public CompletionStage<Void> fail(UsageKey key, String token, String reason, Duration backOff) {
        return right.fail(key, token, reason, backOff);
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return right.invalidate(key);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return right.invalidate(organisationId);
    }

    @Override
    public boolean isInvalidatedBy(UsageCache cache) {
        return right.isInvalidatedBy(cache);
    }

    @Override
    public Registration onWakeUp(UsageKey key, Runnable action) {
        return right.onWakeUp(key, action);
    }

    @Override
    public void close() {
        right.close();
    }
}
