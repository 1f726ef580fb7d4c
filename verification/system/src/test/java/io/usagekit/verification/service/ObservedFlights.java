package io.usagekit.verification.service;

import io.usagekit.SingleFlight;
import io.usagekit.UsageKey;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** The single-flight of this process, whose landings a test can wait for. */
final class ObservedFlights implements SingleFlight {

    private final SingleFlight flights = SingleFlight.inProcess();
    private final List<CompletableFuture<Boolean>> landings = new CopyOnWriteArrayList<>();
    private final AtomicReference<Runnable> beforeNext = new AtomicReference<>(() -> {});
    private final AtomicInteger closes = new AtomicInteger();

    @Override
    public CompletionStage<Landing> run(UsageKey key, Load load) {
        beforeNext.getAndSet(() -> {}).run();
        CompletionStage<Landing> stage = flights.run(key, load);
        landings.add(stage.handle((figure, error) -> error == null).toCompletableFuture());
        return stage;
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return flights.invalidate(key);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return flights.invalidate(organisationId);
    }

    /** What the next caller does, on its own thread, before it takes off or joins. */
    void beforeNext(Runnable action) {
        beforeNext.set(action);
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
