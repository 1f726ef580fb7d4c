package io.usagekit.examples;

import io.usagekit.LoadOutcome;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** A host's own single-flight: a map of futures, without this library's engine. */
public final class MapSingleFlight implements SingleFlight {
    private static final CompletableFuture<Void> COMPUTING = new CompletableFuture<>();
    private static final CompletableFuture<Void> SEALED = CompletableFuture.completedFuture(null);

    /** The outcome of a load in flight, and the state of its store: computing, a store under way, or sealed. */
    private static final class Flight extends CompletableFuture<LoadOutcome> {
        final AtomicReference<CompletableFuture<Void>> store = new AtomicReference<>(COMPUTING);

        CompletableFuture<Void> seal() {
            return store.updateAndGet(state -> state == COMPUTING ? SEALED : state);
        }
    }

    private final Map<UsageKey, Flight> joinable = new ConcurrentHashMap<>();
    private final Map<Flight, UsageKey> unfinished = new ConcurrentHashMap<>();
    private final UsageException failure = new UsageCalculationException("the single-flight is closed", null);
    private volatile boolean closed;

    // tag::quote
    @Override
    public CompletionStage<LoadOutcome> run(UsageKey key, Load load) {
        Flight flight = new Flight();
        Flight first = joinable.putIfAbsent(key, flight);
        if (first == null) {
            unfinished.put(flight, key);
            CompletableFuture<Void> storing = new CompletableFuture<>();
            var unused = CompletableFuture.completedFuture(load)
                    .thenCompose(one -> closed ? CompletableFuture.failedFuture(failure) : one.compute())
                    .thenCompose(outcome -> CompletableFuture.completedFuture(outcome)
                            .thenCompose(flight.store.compareAndSet(COMPUTING, storing) ? load::store : one -> SEALED)
                            .handle((stored, error) -> storing.complete(null))
                            .thenApply(done -> outcome))
                    .orTimeout(load.terms().timeout().toNanos(), TimeUnit.NANOSECONDS)
                    .whenComplete((outcome, error) -> end(key, flight, outcome, error));
        }
        return (first == null ? flight : first).copy();
    }

    private void end(UsageKey key, Flight flight, @Nullable LoadOutcome outcome, @Nullable Throwable error) {
        var unused = flight.seal().thenRun(() -> unfinished.remove(flight));
        joinable.remove(key, flight);
        var unusedToo = error == null ? flight.complete(outcome) : flight.completeExceptionally(error);
    }
    // end::quote

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return invalidate(key::equals);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return invalidate(key -> key.organisationId().equals(organisationId));
    }

    private CompletionStage<Void> invalidate(Predicate<UsageKey> which) {
        joinable.keySet().removeIf(which);
        return CompletableFuture.allOf(unfinished.entrySet().stream()
                .filter(entry -> which.test(entry.getValue()))
                .map(entry -> entry.getKey().seal())
                .toArray(CompletableFuture<?>[]::new));
    }

    @Override
    public void close() {
        closed = true;
        unfinished.forEach((flight, key) -> end(key, flight, null, failure));
    }
}
