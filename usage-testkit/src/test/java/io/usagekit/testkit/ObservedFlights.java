package io.usagekit.testkit;

import io.usagekit.AgedUsage;
import io.usagekit.SingleFlight;
import io.usagekit.UsageKey;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/** The single-flight of this process, whose landings a test can wait for. */
final class ObservedFlights implements SingleFlight {

    private final SingleFlight flights = SingleFlight.inProcess();
    private final List<CompletableFuture<Boolean>> landings = new CopyOnWriteArrayList<>();
    private final AtomicInteger closes = new AtomicInteger();

    @Override
    public CompletionStage<AgedUsage> run(UsageKey key, Supplier<? extends CompletionStage<AgedUsage>> load) {
        CompletionStage<AgedUsage> stage = flights.run(key, load);
        landings.add(stage.handle((figure, error) -> error == null).toCompletableFuture());
        return stage;
    }

    /** Waits until each flight so far has landed, refreshes included. */
    void awaitLanded() {
        landings.forEach(Scene::done);
    }

    int closes() {
        return closes.get();
    }

    @Override
    public void close() {
        closes.incrementAndGet();
        flights.close();
    }
}
