package io.usagekit.verification.service;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.concurrent.CompletionStage;

/** A flight store whose wake-ups are lost. */
record DeafStore(FlightStore store) implements FlightStore {

    @Override
    public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
        return store.acquire(key, request);
    }

    @Override
    public CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease) {
        return store.renew(key, token, lease);
    }

    @Override
    public CompletionStage<Publication> publish(
            UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
        return store.publish(key, token, fence, figure, timeToLive);
    }

    @Override
    public CompletionStage<Void> release(UsageKey key, String token) {
        return store.release(key, token);
    }

    @Override
    public CompletionStage<Void> fail(UsageKey key, String token, String reason, Duration backOff) {
        return store.fail(key, token, reason, backOff);
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return store.invalidate(key);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return store.invalidate(organisationId);
    }

    @Override
    public Registration onWakeUp(UsageKey key, Runnable action) {
        return () -> {};
    }
}
