package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageInterruptedException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageOverloadedException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;

/**
 * One load of one figure: look once more, compute, keep. Whoever started it may be long gone; it has its own deadline.
 *
 * <p>The second look is what makes a burst one computation: a caller that found nothing, and was then held up until a flight
 * had landed, starts a flight of its own and finds what the first one kept.
 */
final class Load implements Runnable {

    /** Who asks, and so which cached figure makes the computation unnecessary. */
    enum Reason {
        /** Nothing was cached: whatever is by now will do. */
        MISS,
        /** What is cached is old: only a figure within the soft limit will do. */
        REFRESH,
        /** The cache can't be read: don't wait for it again. */
        CACHE_DOWN
    }

    private final DefaultUsageService.Settings settings;
    private final GuardedCache cache;
    private final Executor executor;
    private final UsageListener listener;
    private final UsageKey key;
    private final Reason reason;
    private final LongSupplier ticker;
    private final CompletableFuture<AgedUsage> outcome = new CompletableFuture<>();
    private volatile boolean started;
    private volatile long deadline;

    Load(
            DefaultUsageService.Settings settings,
            GuardedCache cache,
            Executor executor,
            UsageListener listener,
            UsageKey key,
            Reason reason) {
        this.settings = settings;
        this.cache = cache;
        this.executor = executor;
        this.listener = listener;
        this.key = key;
        this.reason = reason;
        this.ticker = settings.ticker();
    }

    /** Whether this load was the one to fly; otherwise its caller joined another. */
    boolean started() {
        return started;
    }

    /** Whether the executor refused it. */
    boolean rejected() {
        return outcome.isCompletedExceptionally()
                && outcome.handle((f, e) -> e instanceof UsageOverloadedException)
                        .join();
    }

    CompletionStage<AgedUsage> start() {
        started = true;
        deadline = ticker.getAsLong() + settings.computationTimeout().toNanos();
        try {
            executor.execute(this);
        } catch (RejectedExecutionException e) {
            outcome.completeExceptionally(new UsageOverloadedException(
                    "no room to compute the usage of " + key + ": the executor rejected it", e));
        }
        return outcome.orTimeout(settings.computationTimeout().toNanos(), TimeUnit.NANOSECONDS)
                .exceptionallyCompose(error -> CompletableFuture.failedFuture(explain(Futures.unwrap(error))));
    }

    private Throwable explain(Throwable error) {
        return error instanceof TimeoutException
                ? new UsageCalculationException(
                        "the usage of " + key + " wasn't computed within " + settings.computationTimeout(), error)
                : error;
    }

    @Override
    public void run() {
        try {
            Optional<AgedUsage> kept = lookAgain();
            if (kept.isPresent()) {
                outcome.complete(kept.get());
            } else {
                compute();
            }
        } catch (Throwable error) {
            outcome.completeExceptionally(typed(error));
        }
    }

    /** It will never run: those who wait for it needn't wait for its deadline. */
    void abandon() {
        outcome.completeExceptionally(new UsageCalculationException(
                "the service was closed before the usage of " + key + " was computed", null));
    }

    private Optional<AgedUsage> lookAgain() {
        if (reason == Reason.CACHE_DOWN) {
            return Optional.empty();
        }
        Optional<AgedUsage> kept = Futures.await(cache.read(key)).figure();
        return reason == Reason.MISS
                ? kept
                : kept.filter(figure -> figure.age().compareTo(settings.refreshAfter()) < 0);
    }

    private void compute() {
        Duration left = Duration.ofNanos(deadline - ticker.getAsLong());
        if (left.isNegative() || left.isZero() || outcome.isDone()) {
            return; // the timeout has answered, or is about to
        }
        long began = ticker.getAsLong();
        AgedUsage figure;
        try {
            OrganisationUsage usage = settings.calculator().calculate(key, left);
            figure = new AgedUsage(checked(usage), Duration.ofNanos(ticker.getAsLong() - began));
        } catch (Throwable error) {
            Throwable typed = typed(error);
            listener.computationFailed(key, typed);
            outcome.completeExceptionally(typed);
            return;
        }
        listener.computed(key, figure.age());
        if (outcome.isDone()) {
            return; // timed out: what comes this late may be older than what has been kept since
        }
        try {
            keep(figure);
        } finally {
            outcome.complete(figure);
        }
    }

    private OrganisationUsage checked(OrganisationUsage usage) {
        if (!usage.key().equals(key)) {
            throw new UsageCalculationException(
                    "the calculator was asked for " + key + " but returned " + usage.key(), null);
        }
        return usage;
    }

    private Throwable typed(Throwable error) {
        // Whoever interrupts our thread interrupts none of those who wait for it.
        return error instanceof UsageException && !(error instanceof UsageInterruptedException)
                ? error
                : new UsageCalculationException("the usage of " + key + " can't be computed: " + error, error);
    }

    /** Before the flight lands, so that who asks next finds it; unless the cache is down, when nobody shall wait for it. */
    private void keep(AgedUsage figure) {
        CompletableFuture<Void> written = cache.write(key, figure)
                .toCompletableFuture()
                .handle((done, error) -> {
                    if (error != null) {
                        listener.cacheWriteFailed(key, Futures.unwrap(error));
                    }
                    return null;
                });
        if (reason != Reason.CACHE_DOWN) {
            Futures.await(written);
        }
    }
}
