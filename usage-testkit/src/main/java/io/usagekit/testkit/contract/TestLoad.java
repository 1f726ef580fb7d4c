package io.usagekit.testkit.contract;

import io.usagekit.AgedUsage;
import io.usagekit.LoadOutcome;
import io.usagekit.LoadTerms;
import io.usagekit.OrganisationUsage;
import io.usagekit.SingleFlight;
import io.usagekit.UsageMetrics;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;

/** Load of a test: it accepts no stored figure, computes, and records what it is to store. */
class TestLoad implements SingleFlight.Load {
    private final Supplier<CompletionStage<AgedUsage>> computation;
    private final Duration timeout;
    volatile boolean termsRead;
    final List<LoadOutcome> stored = new CopyOnWriteArrayList<>();
    CompletableFuture<Void> storing = CompletableFuture.completedFuture(null);

    TestLoad(Supplier<CompletionStage<AgedUsage>> computation) {
        this(computation, Duration.ofMinutes(1));
    }

    TestLoad(Supplier<CompletionStage<AgedUsage>> computation, Duration timeout) {
        this.computation = computation;
        this.timeout = timeout;
    }

    @Override
    public LoadTerms terms() {
        termsRead = true;
        return new LoadTerms(timeout, Duration.ZERO, LoadTerms.RemoteLoads.AWAITED, Duration.ofMinutes(1));
    }

    @Override
    public CompletionStage<LoadOutcome> compute() {
        return computation.get().thenApply(LoadOutcome::computed);
    }

    @Override
    public CompletionStage<Void> store(LoadOutcome outcome) {
        stored.add(outcome);
        return storing;
    }

    /** The figure of the load of this number. */
    static AgedUsage figure(long number) {
        return new AgedUsage(
                new OrganisationUsage(
                        SingleFlightContract.KEY, new UsageMetrics(number, 0), UsageMetrics.ZERO, Instant.EPOCH),
                Duration.ZERO);
    }

    static CompletionStage<AgedUsage> figureOf(CompletionStage<LoadOutcome> stage) {
        return stage.thenApply(outcome -> outcome.figure().orElseThrow());
    }

    /** Throws it, checked or not. */
    @SuppressWarnings("unchecked")
    static <T extends Throwable> RuntimeException sneaky(Throwable thrown) throws T {
        throw (T) thrown;
    }
}
