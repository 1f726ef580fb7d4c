package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.SingleFlight;
import io.usagekit.UsageKey;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/** Single-flight by one atomic {@code putIfAbsent}; the load itself runs outside the map. */
public final class InProcessSingleFlight implements SingleFlight {

    private final ConcurrentHashMap<UsageKey, CompletableFuture<AgedUsage>> flights = new ConcurrentHashMap<>();

    @Override
    public CompletionStage<AgedUsage> run(UsageKey key, Supplier<? extends CompletionStage<AgedUsage>> load) {
        CompletableFuture<AgedUsage> flight = new CompletableFuture<>();
        CompletableFuture<AgedUsage> underWay = flights.putIfAbsent(key, flight);
        if (underWay != null) {
            return underWay.copy();
        }
        try {
            load.get().whenComplete((figure, error) -> land(key, flight, figure, error));
        } catch (Throwable error) {
            land(key, flight, null, error);
        }
        return flight.copy();
    }

    /** The key is free before anyone hears of the outcome: who hears of it and asks again starts anew. */
    private void land(
            UsageKey key,
            CompletableFuture<AgedUsage> flight,
            @org.jspecify.annotations.Nullable AgedUsage figure,
            @org.jspecify.annotations.Nullable Throwable error) {
        flights.remove(key, flight);
        if (figure != null) {
            flight.complete(figure);
        } else {
            flight.completeExceptionally(
                    error != null ? Futures.unwrap(error) : new NullPointerException("the load gave no figure"));
        }
    }
}
