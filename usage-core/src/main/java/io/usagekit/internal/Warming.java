package io.usagekit.internal;

import io.usagekit.LoadOutcome.Origin;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.WarmResult;
import io.usagekit.internal.flight.Causes;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Warms many figures, a few at a time, so that it never fills the queue in which callers wait. */
final class Warming {

    private final Collection<UsageKey> keys;
    private final int atATime;
    private final Function<UsageKey, CompletableFuture<Origin>> warm;
    private final Executor executor;
    private final Queue<UsageKey> left;
    private final AtomicInteger fresh = new AtomicInteger();
    private final AtomicInteger computed = new AtomicInteger();
    private final Map<UsageKey, UsageException> failures = new ConcurrentHashMap<>();

    /**
     * Warms nothing yet.
     *
     * @param warm starts to warm one figure
     * @param executor goes on when one is warm
     */
    Warming(
            Collection<UsageKey> keys,
            int atATime,
            Function<UsageKey, CompletableFuture<Origin>> warm,
            Executor executor) {
        this.keys = keys;
        this.atATime = atATime;
        this.warm = warm;
        this.executor = executor;
        this.left = new ConcurrentLinkedQueue<>(keys);
    }

    CompletableFuture<WarmResult> start() {
        CompletableFuture<?>[] lanes = new CompletableFuture<?>[atATime];
        for (int i = 0; i < atATime; i++) {
            CompletableFuture<Void> lane = new CompletableFuture<>();
            lanes[i] = lane;
            goOn(lane);
        }
        return CompletableFuture.allOf(lanes).thenApply(done -> result());
    }

    /** Loops over figures that are cached already, so that a thousand of them don't nest a thousand frames deep. */
    private void goOn(CompletableFuture<Void> lane) {
        for (UsageKey key = left.poll(); key != null; key = left.poll()) {
            UsageKey current = key;
            CompletableFuture<Origin> warmed = start(current);
            if (!warmed.isDone()) {
                // Not on the thread that completes it, which may be a driver's.
                var unused = warmed.whenCompleteAsync(
                        (origin, error) -> {
                            count(current, origin, error);
                            goOn(lane);
                        },
                        executor);
                return;
            }
            var unused = warmed.whenComplete((origin, error) -> count(current, origin, error));
        }
        lane.complete(null);
    }

    private CompletableFuture<Origin> start(UsageKey key) {
        try {
            return warm.apply(key);
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    private void count(UsageKey key, @Nullable Origin origin, @Nullable Throwable error) {
        if (error != null) {
            Throwable cause = Causes.unwrap(error);
            failures.put(
                    key,
                    cause instanceof UsageException known
                            ? known
                            : new UsageCalculationException("the usage of " + key + " can't be had: " + cause, cause));
        } else if (origin == Origin.CACHED) {
            fresh.incrementAndGet();
        } else {
            computed.incrementAndGet();
        }
    }

    private WarmResult result() {
        Map<String, UsageException> inOrder = new LinkedHashMap<>();
        for (UsageKey key : keys) {
            UsageException failure = failures.get(key);
            if (failure != null) {
                inOrder.put(key.organisationId(), failure);
            }
        }
        return new WarmResult(fresh.get(), computed.get(), inOrder);
    }
}
