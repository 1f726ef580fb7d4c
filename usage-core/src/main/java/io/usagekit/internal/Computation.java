package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageInterruptedException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageOverloadedException;
import io.usagekit.internal.flight.FlightTask;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The computation of one figure: by a call of the calculator for it alone, under a permit of its own, or as one of a
 * {@link BatchComputation}. It ends when the calculator returns.
 */
final class Computation extends PermittedTask {

    private final Computations computations;
    private final UsageLoad load;
    private final FlightTask.Lease lease;
    private final UsageKey key;
    private final UsageListener listener;
    private final CompletableFuture<AgedUsage> outcome = new CompletableFuture<>();
    /** Whether it is decided if the calculator is called: the thread that sets it either calls the calculator or releases the permit. */
    private final AtomicBoolean settled = new AtomicBoolean();

    private volatile boolean begun;
    /** When the calculator returned, in nanoseconds. */
    private volatile long returned;

    /** State of the incidents when the calculator was called. */
    private volatile long incidentsBefore;
    /** The batch that has the permit, if this is one of several. */
    private volatile @Nullable BatchComputation batch;

    /**
     * A computation that hasn't requested its permit yet.
     *
     * @param lease suspended while it waits for the permit
     */
    Computation(Computations computations, UsageLoad load, FlightTask.Lease lease) {
        super(computations, load.purpose(), load.home());
        this.computations = computations;
        this.load = load;
        this.lease = lease;
        this.key = load.key();
        this.listener = computations.listener();
    }

    UsageKey key() {
        return key;
    }

    @Nullable
    Thread home() {
        return load.home();
    }

    UsageLoad.Purpose purpose() {
        return load.purpose();
    }

    /** The time that is left until the load's deadline. */
    Duration left() {
        return load.left();
    }

    CompletableFuture<AgedUsage> outcome() {
        return outcome;
    }

    /** Computes by itself. */
    CompletableFuture<AgedUsage> start() {
        request(() -> computations.permits().request(key.organisationId(), urgency(), this));
        return outcome;
    }

    /** Leaves the permit to a batch. */
    void startIn(BatchComputation carrier) {
        batch = carrier;
    }

    @Override
    boolean isOver() {
        return outcome.isDone();
    }

    @Override
    void waits() {
        lease.suspend();
    }

    /** Without its lease it isn't to compute: the permit is for others then. */
    @Override
    CompletableFuture<Void> prepare() {
        return lease.resume().toCompletableFuture().thenAccept(leads -> {
            if (!leads) {
                endUnlessBegun(new UsageCalculationException("another process has the lease of " + key, null));
            }
        });
    }

    @Override
    void permitWaited(Duration waited) {
        listener.permitWaited(key, waited);
    }

    @Override
    void overloaded() {
        listener.overloaded(key);
        end(new UsageOverloadedException(
                "no room to compute the usage of " + key + ": "
                        + computations.permits().waiting() + " computations wait already",
                null));
    }

    @Override
    void dropped() {
        listener.refreshDropped(key);
        end(new LoadFailures.RefreshDroppedException());
    }

    @Override
    public void refused() {
        end(new UsageCalculationException("the service was closed before the usage of " + key + " was computed", null));
    }

    @Override
    void handOverFailed(Throwable error) {
        endUnlessBegun(typed(error));
    }

    @Override
    void compute() {
        Duration left = left();
        if (!begin(left)) {
            return;
        }
        long began = computations.now();
        OrganisationUsage usage;
        try {
            usage = Objects.requireNonNull(
                    computations.calculator().calculate(key, left), "the calculator returned no figure");
        } catch (Throwable error) {
            failed(error);
            return;
        }
        succeeded(usage, began, computations.now());
    }

    /**
     * Decides whether the calculator is called.
     *
     * @return false if nobody waits any more, or the time is over; then the figure has failed
     */
    boolean begin(Duration left) {
        if (left.isNegative() || left.isZero()) {
            endUnlessBegun(new UsageCalculationException("too late to compute the usage of " + key, null));
            return false;
        }
        if (!settled.compareAndSet(false, true)) {
            return false;
        }
        incidentsBefore = computations.incidents().state();
        begun = true;
        if (isRefresh()) {
            listener.refreshStarted(key);
        }
        return true;
    }

    /**
     * The calculator has returned a figure.
     *
     * @param began when it was called, in nanoseconds
     * @param ended when it returned
     */
    void succeeded(OrganisationUsage usage, long began, long ended) {
        Duration took = Duration.ofNanos(ended - began);
        returned = ended;
        if (!usage.key().equals(key)) {
            failed(new UsageCalculationException(
                    "the calculator was asked for " + key + " but returned " + usage.key(), null));
            return;
        }
        String written = canonicalId();
        if (!written.equals(key.organisationId())) {
            failed(new UsageCalculationException(
                    "the source writes the organisation's id as " + written + ", which wasn't known when " + key
                            + " was requested; call again",
                    null));
            return;
        }
        AgedUsage figure;
        try {
            figure = new AgedUsage(usage, age(usage, took));
        } catch (RuntimeException e) {
            failed(e);
            return;
        }
        computations.incidents().succeeded(key, incidentsBefore);
        listener.computed(key, took);
        if (usage.unmeasured() > 0) {
            listener.unmeasured(key, usage.unmeasured());
        }
        computations.backOff().clear(key);
        giveBack();
        outcome.complete(figure);
    }

    /** Returns how old the figure is: of the call, or older, if the calculator reads a copy that lags. */
    private Duration age(OrganisationUsage usage, Duration took) {
        Duration age = computations.calculator().ageOf(usage);
        return age.compareTo(took) > 0 ? age : took;
    }

    /** Returns this computation's figure as old as it is by now: threads that have been held up since would make it look younger. */
    AgedUsage atPresentAge(AgedUsage figure) {
        return new AgedUsage(figure.usage(), figure.age().plusNanos(computations.now() - returned));
    }

    /** Returns the id as the source writes it; as it is, if the calculator can't say. */
    private String canonicalId() {
        try {
            return Objects.requireNonNullElse(
                    computations.calculator().canonicalId(key.organisationId()), key.organisationId());
        } catch (RuntimeException e) {
            return key.organisationId();
        }
    }

    /** The calculator has failed. */
    void failed(Throwable error) {
        Throwable typed = typed(error);
        noteFailure(typed);
        listener.computationFailed(key, typed);
        end(typed);
    }

    /** Reports a failure of the calculator, or that it hasn't returned in time, as part of an incident. */
    void noteFailure(Throwable error) {
        boolean succeeded = outcome.isDone() && !outcome.isCompletedExceptionally();
        if (!succeeded && !computations.isClosed()) {
            computations.incidents().failed(key, error, incidentsBefore);
        }
    }

    private Throwable typed(Throwable error) {
        // An interrupt of the computing thread is no interrupt of the callers that wait for it.
        return error instanceof UsageException && !(error instanceof UsageInterruptedException)
                ? error
                : new UsageCalculationException("the usage of " + key + " can't be computed: " + error, error);
    }

    private void endUnlessBegun(Throwable error) {
        if (settled.compareAndSet(false, true)) {
            end(error);
        }
    }

    private void end(Throwable error) {
        settled.set(true);
        giveBack();
        boolean first = outcome.completeExceptionally(error);
        BatchComputation carrier = batch; // after the completion, which a batch looks at once it is known here
        if (first && carrier != null) {
            carrier.ended(this);
        }
    }

    /** Whether the calculator was called. */
    boolean hasBegun() {
        return begun;
    }

    /** Returns what it waits for while it hasn't begun. */
    String waitingFor() {
        BatchComputation carrier = batch;
        return carrier == null ? waitsFor() : carrier.waitsFor();
    }

    /** Returns why the executor rejected it last, if it did. */
    @Nullable
    RejectedExecutionException rejection() {
        BatchComputation carrier = batch;
        return carrier == null ? lastRejection() : carrier.lastRejection();
    }

    /** Cancels the computation unless it has begun; one that has begun ends by itself and holds its permit until then. */
    void nobodyWaits() {
        endUnlessBegun(new UsageCalculationException("nobody waits for the usage of " + key, null));
    }
}
