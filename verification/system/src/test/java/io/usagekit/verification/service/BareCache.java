package io.usagekit.verification.service;

import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** A cache of which a test cares for some methods only. */
abstract class BareCache implements UsageCache {

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return CompletableFuture.completedFuture(null);
    }
}
