package io.usagekit.cli.demo;

import io.usagekit.SingleFlight;
import io.usagekit.UsageKey;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.BiConsumer;

/** Single-flight that tells where each of those who ask for a figure gets it from; joining a flight is asking, too. */
final class CountedFlights implements SingleFlight {

    private final SingleFlight flights;
    private final BiConsumer<UsageKey, Origin> answered;

    /**
     * Around another, which is closed with this.
     *
     * @param answered called before the one who asks has the answer; thread-safe
     */
    CountedFlights(SingleFlight flights, BiConsumer<UsageKey, Origin> answered) {
        this.flights = flights;
        this.answered = answered;
    }

    @Override
    public CompletionStage<Landing> run(UsageKey key, Load load) {
        CompletableFuture<Landing> told = new CompletableFuture<>(); // without the wrappers that a dependent stage adds
        var unused = flights.run(key, load).whenComplete((landing, error) -> {
            if (error == null) {
                answered.accept(key, landing.origin());
                told.complete(landing);
            } else {
                told.completeExceptionally(error);
            }
        });
        return told;
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return flights.invalidate(key);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return flights.invalidate(organisationId);
    }

    @Override
    public void close() {
        flights.close();
    }
}
