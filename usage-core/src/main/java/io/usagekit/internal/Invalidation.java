package io.usagekit.internal;

import io.usagekit.SingleFlight;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.internal.flight.Flights;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

/**
 * Invalidates figures: the loads in flight first, so that none of them stores anything afterwards, then the cache; the cache also where
 * the single-flight fails, since it may have a copy in this process. Where both are over the same data, the cache's invalidation is that of
 * the fleet's loads, too.
 */
record Invalidation(SingleFlight singleFlight, GuardedCache cache, BackOff backOff) {

    /** Invalidates one figure. */
    CompletableFuture<Void> of(UsageKey key) {
        backOff.clear(key);
        return both(
                key.toString(),
                () -> singleFlight instanceof Flights flights
                        ? flights.invalidateBefore(cache.port(), key)
                        : singleFlight.invalidate(key),
                () -> cache.invalidate(key));
    }

    /**
     * Invalidates all figures of an organisation.
     *
     * @throws IllegalArgumentException if the id is out of bounds
     */
    CompletableFuture<Void> of(String organisationId) {
        UsageKey.checkOrganisationId(organisationId);
        backOff.clear(organisationId);
        return both(
                Arguments.quote(organisationId),
                () -> singleFlight instanceof Flights flights
                        ? flights.invalidateBefore(cache.port(), organisationId)
                        : singleFlight.invalidate(organisationId),
                () -> cache.invalidate(organisationId));
    }

    private static CompletableFuture<Void> both(
            String what, Supplier<CompletionStage<Void>> loads, Supplier<CompletionStage<Void>> cache) {
        return Futures.compose(
                Futures.of(loads),
                (done, loadsError) -> Futures.compose(Futures.of(cache), (alsoDone, cacheError) -> {
                    Throwable error = loadsError != null ? loadsError : cacheError;
                    return error == null
                            ? CompletableFuture.completedFuture(null)
                            : CompletableFuture.failedFuture(notInvalidated(what, error));
                }));
    }

    private static UsageException notInvalidated(String what, Throwable error) {
        return error instanceof UsageException known
                ? known
                : new UsageCacheException("the usage of " + what + " can't be invalidated: " + error, error);
    }
}
