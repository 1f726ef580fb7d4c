package io.usagekit.verification.service;

import io.usagekit.SingleFlight;
import io.usagekit.UsageKey;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** A host's single-flight whose every call fails. */
final class BrokenFlights implements SingleFlight {

    private final Throwable error;

    BrokenFlights(Throwable error) {
        this.error = error;
    }

    @Override
    public CompletionStage<Landing> run(UsageKey key, Load load) {
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
}
