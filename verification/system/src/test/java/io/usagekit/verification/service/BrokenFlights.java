package io.usagekit.verification.service;

import io.usagekit.LoadOutcome;
import io.usagekit.SingleFlight;
import io.usagekit.UsageKey;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;

/** A host's single-flight whose every call fails, and which counts its closes. */
final class BrokenFlights implements SingleFlight {

    private final Throwable error;
    private final AtomicInteger closes = new AtomicInteger();

    BrokenFlights(Throwable error) {
        this.error = error;
    }

    @Override
    public CompletionStage<LoadOutcome> run(UsageKey key, Load load) {
        return CompletableFuture.failedFuture(error);
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return CompletableFuture.failedFuture(error);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return CompletableFuture.failedFuture(error);
    }

    int closes() {
        return closes.get();
    }

    @Override
    public void close() {
        closes.incrementAndGet();
    }
}
