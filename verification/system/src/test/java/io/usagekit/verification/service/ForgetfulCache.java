package io.usagekit.verification.service;

import io.usagekit.AgedUsage;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** A cache that can be reached and keeps nothing. */
final class ForgetfulCache extends BareCache {

    @Override
    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
        return CompletableFuture.completedFuture(Optional.empty());
    }

    @Override
    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
        return CompletableFuture.completedFuture(null);
    }
}
