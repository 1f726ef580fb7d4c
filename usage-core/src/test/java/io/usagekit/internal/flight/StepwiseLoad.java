package io.usagekit.internal.flight;

import io.usagekit.AgedUsage;
import io.usagekit.LoadOutcome;
import io.usagekit.LoadTerms;
import io.usagekit.OrganisationUsage;
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
import java.util.function.Function;

/** A load whose steps complete when the test completes them; it records its calls, and throws from the steps that are broken. */
public final class StepwiseLoad implements FlightTask {

    public static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    public static final UsageKey KEY = new UsageKey("org-123", MARCH);
    static final Duration TIMEOUT = Duration.ofSeconds(30);
    static final LoadTerms TERMS =
            new LoadTerms(TIMEOUT, Duration.ZERO, LoadTerms.RemoteLoads.AWAITED, Duration.ofMinutes(10));

    static final class Broken extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Broken(String step) {
            super(step);
        }
    }

    final List<String> steps = new CopyOnWriteArrayList<>();
    final CompletableFuture<AgedUsage> computed = new CompletableFuture<>();
    final CompletableFuture<Void> stored = new CompletableFuture<>();
    final CompletableFuture<Optional<AgedUsage>> looked = new CompletableFuture<>();
    /** That of the last computation. */
    Lease lease = Lease.NONE;

    final Throwable late = new IllegalStateException("too late");
    boolean storeAwaited = true;
    boolean goesOnUncoordinated;
    /** The outcome that a computed figure makes. */
    Function<AgedUsage, LoadOutcome> origin = LoadOutcome::computed;

    private final Set<String> broken;

    /**
     * @param broken the names of the methods that throw
     */
    StepwiseLoad(String... broken) {
        this.broken = Set.of(broken);
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
    public void started() {
        step("started");
    }

    @Override
    public LoadTerms terms() {
        if (broken.contains("terms")) {
            throw new Broken("terms");
        }
        return TERMS;
    }

    @Override
    public Throwable timedOut() {
        step("timedOut");
        return late;
    }

    @Override
    public CompletionStage<LoadOutcome> compute() {
        step("compute");
        return computed.thenApply(origin);
    }

    @Override
    public CompletionStage<LoadOutcome> computeUnderLease(Lease acquired) {
        lease = acquired;
        return compute();
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> look() {
        step("look");
        return looked;
    }

    @Override
    public CompletionStage<Void> store(LoadOutcome outcome) {
        step("store");
        return stored;
    }

    @Override
    public boolean isStoreAwaited() {
        return storeAwaited;
    }

    @Override
    public boolean mayGoOnUncoordinated(Throwable cause) {
        return goesOnUncoordinated;
    }

    @Override
    public void computedUncoordinated(AgedUsage figure, Throwable cause) {
        step("computedUncoordinated");
    }

    @Override
    public void publicationFailed(AgedUsage figure, Throwable error) {
        step("publicationFailed");
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
    public void ended() {
        step("ended");
    }
}
