package io.usagekit.internal;

import io.usagekit.internal.UsageLoad.Purpose;
import io.usagekit.internal.flight.DaemonThreads;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A task that waits for its permit, then for a thread, and then computes once; a refresh waits for neither. */
abstract class PermittedTask implements Runnable, Permits.Holder {

    private static final Duration RETRY = Duration.ofMillis(20);

    private final Computations computations;
    private final Purpose purpose;
    private final @Nullable Thread home;
    private final CompletableFuture<Permits.Ticket> ticket = new CompletableFuture<>();
    private final long asked;
    private volatile boolean granted;
    private volatile @Nullable Thread requesting;
    private volatile @Nullable Thread handingOver;
    private volatile @Nullable RejectedExecutionException rejection;

    /**
     * A task that hasn't requested its permit yet.
     *
     * @param home the thread on which it may compute where the executor runs tasks on the submitting thread; null: on none
     */
    PermittedTask(Computations computations, Purpose purpose, @Nullable Thread home) {
        this.computations = computations;
        this.purpose = purpose;
        this.home = home;
        this.asked = computations.now();
    }

    /** Whether there is nothing to compute any more. */
    abstract boolean isOver();

    /** The permit isn't there at once. It may be granted meanwhile, and {@link #prepare} be called before. */
    abstract void waits();

    /**
     * The permit is there after a wait.
     *
     * @return completes when it is known what is to be computed; doesn't fail
     */
    abstract CompletableFuture<Void> prepare();

    /** The permit was granted after this time. */
    abstract void permitWaited(Duration waited);

    /** There is no permit, and no room to wait for it. */
    abstract void overloaded();

    /** There is no permit or no thread for a refresh. */
    abstract void dropped();

    /** The executor failed. */
    abstract void handOverFailed(Throwable error);

    /** Computes, on a thread that may block. */
    abstract void compute();

    final boolean isRefresh() {
        return purpose == Purpose.REFRESH;
    }

    final Permits.Urgency urgency() {
        return isRefresh() ? Permits.Urgency.NOW_OR_NOT : Permits.Urgency.WAITS;
    }

    final void request(Supplier<Optional<Permits.Ticket>> request) {
        requesting = Thread.currentThread();
        Optional<Permits.Ticket> given = request.get();
        requesting = null;
        given.ifPresentOrElse(ticket::complete, this::refuse);
        if (given.isPresent() && !granted) {
            waits();
        }
    }

    private void refuse() {
        if (isRefresh()) {
            dropped();
        } else if (computations.isClosed()) {
            refused();
        } else {
            overloaded();
        }
    }

    @Override
    public final void granted() {
        granted = true;
        if (Thread.currentThread() == requesting) {
            computations.submit(this::handOver);
        } else {
            permitWaited(Duration.ofNanos(computations.now() - asked));
            var unused = prepare().thenRun(() -> computations.submit(this::handOver));
        }
    }

    private void handOver() {
        if (isOver()) {
            giveBack();
            return;
        }
        handingOver = Thread.currentThread();
        try {
            computations.executor().execute(this);
        } catch (RejectedExecutionException e) {
            rejection = e;
            rejected();
        } catch (Throwable e) {
            handOverFailed(e);
        } finally {
            handingOver = null;
        }
    }

    /** A refresh is dropped; a miss is submitted again until its load times out. */
    private void rejected() {
        if (isRefresh()) {
            dropped();
        } else if (computations.isClosed()) {
            refused();
        } else {
            long nanos = RETRY.toNanos() / 2 + ThreadLocalRandom.current().nextLong(RETRY.toNanos());
            computations.delays().after(Duration.ofNanos(nanos), () -> computations.submit(this::handOver));
        }
    }

    @Override
    public final void run() {
        Thread here = Thread.currentThread();
        if (here == handingOver && here != home) {
            // The executor runs tasks on the submitting thread, which is a driver's or a timer's and must not
            // block; neither must a thread of the common pool.
            DaemonThreads.create("usagekit-computation", this::compute).start();
        } else {
            compute();
        }
    }

    /** Releases the permit, or stops waiting for it. Idempotent. */
    final void giveBack() {
        var unused = ticket.thenAccept(Permits.Ticket::close);
    }

    /** Returns what it waits for while it hasn't begun. */
    final String waitsFor() {
        return granted ? "the executor had no thread for it" : "no permit was free";
    }

    /** Returns why the executor rejected it last, if it did. */
    final @Nullable RejectedExecutionException lastRejection() {
        return rejection;
    }
}
