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
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** One call of the calculator: waits for its permit, then for a thread, and ends when the calculator returns. */
final class Computation implements Runnable, Permits.Holder {

    private static final Duration RETRY = Duration.ofMillis(20);

    private final Computations computations;
    private final UsageLoad load;
    private final UsageKey key;
    private final UsageListener listener;
    private final CompletableFuture<AgedUsage> outcome = new CompletableFuture<>();
    private final CompletableFuture<Permits.Ticket> ticket = new CompletableFuture<>();
    private final long asked;
    private volatile boolean granted;
    /** Whether it is decided if the calculator is called: the thread that sets it either calls the calculator or releases the permit. */
    private final AtomicBoolean settled = new AtomicBoolean();

    private volatile boolean begun;
    /** State of the incidents when the calculator was called. */
    private volatile long incidentsBefore;

    private volatile @Nullable Thread requesting;
    private volatile @Nullable Thread handingOver;
    private volatile @Nullable RejectedExecutionException rejection;

    Computation(Computations computations, UsageLoad load) {
        this.computations = computations;
        this.load = load;
        this.key = load.key();
        this.listener = computations.listener();
        this.asked = computations.now();
    }

    CompletableFuture<AgedUsage> start() {
        Permits.Urgency urgency = isRefresh() ? Permits.Urgency.NOW_OR_NOT : Permits.Urgency.WAITS;
        requesting = Thread.currentThread();
        Optional<Permits.Ticket> given = computations.permits().request(key.organisationId(), urgency, this);
        requesting = null;
        given.ifPresentOrElse(ticket::complete, this::refuse);
        return outcome;
    }

    private boolean isRefresh() {
        return load.purpose() == UsageLoad.Purpose.REFRESH;
    }

    private void refuse() {
        if (isRefresh()) {
            drop();
        } else if (computations.isClosed()) {
            refused();
        } else {
            listener.overloaded(key);
            end(new UsageOverloadedException(
                    "no room to compute the usage of " + key + ": "
                            + computations.permits().waiting() + " computations wait already",
                    null));
        }
    }

    private void drop() {
        listener.refreshDropped(key);
        end(new RefreshDroppedException());
    }

    @Override
    public void granted() {
        granted = true;
        if (Thread.currentThread() != requesting) {
            listener.permitWaited(key, Duration.ofNanos(computations.now() - asked));
        }
        handOver();
    }

    @Override
    public void refused() {
        end(new UsageCalculationException("the service was closed before the usage of " + key + " was computed", null));
    }

    private void handOver() {
        if (outcome.isDone()) {
            return;
        }
        handingOver = Thread.currentThread();
        try {
            computations.executor().execute(this);
        } catch (RejectedExecutionException e) {
            rejection = e;
            rejected();
        } catch (Throwable e) {
            endUnlessBegun(typed(e));
        } finally {
            handingOver = null;
        }
    }

    /** A refresh is dropped; a miss is submitted again until its load times out. */
    private void rejected() {
        if (isRefresh()) {
            drop();
        } else if (computations.isClosed()) {
            refused();
        } else {
            long nanos = RETRY.toNanos() / 2 + ThreadLocalRandom.current().nextLong(RETRY.toNanos());
            computations.delays().after(Duration.ofNanos(nanos), this::handOver);
        }
    }

    @Override
    public void run() {
        Thread here = Thread.currentThread();
        if (here == handingOver && here != load.home()) {
            // The executor runs tasks on the submitting thread, which is a driver's or a timer's and must not
            // block; neither must a thread of the common pool.
            Thread own = new Thread(this::compute, "usagekit-computation");
            own.setDaemon(true);
            own.start();
        } else {
            compute();
        }
    }

    private void compute() {
        Duration left = load.left();
        if (left.isNegative() || left.isZero()) {
            endUnlessBegun(new UsageCalculationException("too late to compute the usage of " + key, null));
            return;
        }
        if (!settled.compareAndSet(false, true)) {
            return;
        }
        incidentsBefore = computations.incidents().state();
        begun = true;
        if (isRefresh()) {
            listener.refreshStarted(key);
        }
        long began = computations.now();
        AgedUsage figure;
        try {
            OrganisationUsage usage = computations.calculator().calculate(key, left);
            figure = new AgedUsage(checked(usage), Duration.ofNanos(computations.now() - began));
        } catch (Throwable error) {
            Throwable typed = typed(error);
            noteFailure(typed);
            listener.computationFailed(key, typed);
            end(typed);
            return;
        }
        computations.incidents().succeeded(key, incidentsBefore);
        listener.computed(key, figure.age());
        computations.backOff().clear(key);
        giveBack();
        outcome.complete(figure);
    }

    /** Reports a failure of the calculator, or that it hasn't returned in time, as part of an incident. */
    void noteFailure(Throwable error) {
        boolean succeeded = outcome.isDone() && !outcome.isCompletedExceptionally();
        if (!succeeded && !computations.isClosed()) {
            computations.incidents().failed(key, error, incidentsBefore);
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
        outcome.completeExceptionally(error);
    }

    private void giveBack() {
        var unused = ticket.thenAccept(Permits.Ticket::close);
    }

    /** Whether the calculator was called. */
    boolean hasBegun() {
        return begun;
    }

    /** Returns what it waits for while it hasn't begun. */
    String waitingFor() {
        return granted ? "the executor had no thread for it" : "no permit was free";
    }

    /** Returns why the executor rejected it last, if it did. */
    @Nullable
    RejectedExecutionException rejection() {
        return rejection;
    }

    /** Cancels the computation unless it has begun; one that has begun ends by itself and holds its permit until then. */
    void nobodyWaits() {
        endUnlessBegun(new UsageCalculationException("nobody waits for the usage of " + key, null));
    }
}
