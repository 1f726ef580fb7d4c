package io.usagekit.internal.flight;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.SingleFlight;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;

/** A load whose steps end when the test says so, which writes down what it is asked, and throws where it is told to. */
public final class StepwiseLoad implements SingleFlight.Load {

    public static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    public static final UsageKey KEY = new UsageKey("org-123", MARCH);
    static final Duration TIMEOUT = Duration.ofSeconds(30);

    static final class Broken extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Broken(String step) {
            super(step);
        }
    }

    final List<String> steps = new CopyOnWriteArrayList<>();
    final CompletableFuture<Optional<AgedUsage>> looked = new CompletableFuture<>();
    final CompletableFuture<AgedUsage> computed = new CompletableFuture<>();
    final CompletableFuture<Void> kept = new CompletableFuture<>();
    final Throwable late = new IllegalStateException("too late");
    private final Set<String> broken;

    /**
     * @param broken the names of the methods that throw
     */
    StepwiseLoad(String... broken) {
        this.broken = Set.of(broken);
    }

    /** Finds nothing, and is computing. */
    static StepwiseLoad computing(String... broken) {
        StepwiseLoad load = new StepwiseLoad(broken);
        load.looked.complete(Optional.empty());
        return load;
    }

    /** The figure of this number. */
    public static AgedUsage figure(long number) {
        return new AgedUsage(
                new OrganisationUsage(KEY, new UsageMetrics(number, 0), UsageMetrics.ZERO, Instant.EPOCH),
                Duration.ZERO);
    }

    private void step(String name) {
        steps.add(name);
        if (broken.contains(name)) {
            throw new Broken(name);
        }
    }

    @Override
    public void tookOff() {
        step("tookOff");
    }

    @Override
    public Duration timeout() {
        if (broken.contains("timeout")) {
            throw new Broken("timeout");
        }
        return TIMEOUT;
    }

    @Override
    public Throwable timedOut() {
        step("timedOut");
        return late;
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> lookAgain() {
        step("lookAgain");
        return looked;
    }

    @Override
    public CompletionStage<AgedUsage> compute() {
        step("compute");
        return computed;
    }

    @Override
    public CompletionStage<Void> keep(AgedUsage figure) {
        step("keep");
        return kept;
    }

    @Override
    public Duration timeToLive(AgedUsage figure) {
        return Duration.ofMinutes(10);
    }

    @Override
    public void publicationRejected() {
        step("publicationRejected");
    }

    @Override
    public void failed(Throwable error) {
        step("failed");
    }

    @Override
    public void landed() {
        step("landed");
    }
}
