package io.usagekit.internal.flight;

import io.usagekit.LoadOutcome;
import io.usagekit.LoadOutcome.Origin;
import io.usagekit.LoadTerms;
import io.usagekit.UsageKey;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An in-flight load of this process: its followers, its deadline, and whether it may still store what it computes. */
abstract class Flight {

    /**
     * What a flight is created with.
     *
     * @param freeKey called when another load of the key may start
     * @param ended called when it has completed and stores nothing any more, including a store that began before
     */
    record Start(UsageKey key, FlightTask task, Delays delays, Consumer<Flight> freeKey, Consumer<Flight> ended) {}

    private static final Logger LOG = LoggerFactory.getLogger(Flight.class);

    /** Stands for a flight that may not store anything any more. */
    private static final CompletableFuture<Void> SEALED = CompletableFuture.completedFuture(null);

    private final Start start;
    private final CompletableFuture<LoadOutcome> outcome = new CompletableFuture<>();
    private final AtomicBoolean completed = new AtomicBoolean();
    private final CompletableFuture<Void> cleanedUp = new CompletableFuture<>();
    /** Null while it computes; while it stores, a future that completes when that has ended; then {@link #SEALED}. */
    private final AtomicReference<@Nullable CompletableFuture<Void>> storing = new AtomicReference<>();

    private volatile @Nullable LoadTerms terms;
    private volatile Delays.@Nullable Timer deadline;

    Flight(Start start) {
        this.start = start;
    }

    /** Takes the first step. Each step ends in {@link #complete} or {@link #fail}, or leads to another one. */
    abstract void begin();

    /** Releases what the flight holds, after it has completed. */
    CompletableFuture<Void> cleanUp() {
        return CompletableFuture.completedFuture(null);
    }

    final UsageKey key() {
        return start.key();
    }

    final FlightTask task() {
        return start.task();
    }

    /** The terms of the load, once it has started. */
    final LoadTerms terms() {
        return Objects.requireNonNull(terms, "not started");
    }

    final Delays delays() {
        return start.delays();
    }

    final CompletableFuture<LoadOutcome> join() {
        return outcome.copy();
    }

    final boolean isCompleted() {
        return completed.get();
    }

    final void start() {
        try {
            task().started();
            LoadTerms agreed = task().terms();
            terms = agreed;
            deadline = delays().after(agreed.timeout(), this::timeOut);
            begin();
        } catch (Throwable error) {
            fail(error);
        }
        if (isCompleted()) {
            cancelDeadline();
        }
    }

    private void timeOut() {
        if (!isCompleted()) {
            fail(timedOut());
        }
    }

    private Throwable timedOut() {
        try {
            return task().timedOut();
        } catch (Throwable error) {
            return error;
        }
    }

    /** Completes it; a figure that was computed has grown older while it was stored. */
    final void complete(LoadOutcome result) {
        LoadOutcome present = result.origin() == Origin.COMPUTED
                ? result.figure()
                        .map(task()::atPresentAge)
                        .map(LoadOutcome::computed)
                        .orElse(result)
                : result;
        end(() -> {}, () -> outcome.complete(present));
    }

    final void fail(Throwable error) {
        Throwable cause = Causes.unwrap(error);
        end(() -> task().failed(cause), () -> outcome.completeExceptionally(cause));
    }

    /**
     * Ends the flight. The order matters: the load notes a failure before the key is free, so that no new load starts into a
     * back-off; and the key is free before callers receive the outcome, so that a caller that calls again starts a new load.
     */
    private void end(Runnable noteFailure, Runnable completeCallers) {
        if (!completed.compareAndSet(false, true)) {
            return;
        }
        runSafely(noteFailure);
        // A figure computed from now on is too late to be stored: a newer one may be stored by then.
        storing.compareAndSet(null, SEALED);
        freeKey();
        cancelDeadline();
        runSafely(() -> {
            var unused = cleanUp().whenComplete((done, error) -> cleanedUp.complete(null));
        });
        var unusedToo =
                storeUnderWay().whenComplete((done, error) -> start.ended().accept(this));
        runSafely(() -> task().ended());
        completeCallers.run();
    }

    /** Runs a step whose exception must not keep the outcome, which is settled, from the callers. */
    private static void runSafely(Runnable step) {
        try {
            step.run();
        } catch (Throwable error) {
            LOG.warn("a load threw on completion; its outcome stays as it is", error);
        }
    }

    /** Lets another load of the key start; callers that have joined this one still get its outcome. */
    final void freeKey() {
        start.freeKey().accept(this);
    }

    /** Completes when the flight has completed and cleaned up. */
    final CompletableFuture<Void> cleanedUp() {
        return cleanedUp;
    }

    private void cancelDeadline() {
        Delays.Timer timer = deadline;
        if (timer != null) {
            timer.cancel();
        }
    }

    /** Whether the computed figure may be stored; if so, {@link #endStore} or {@link #resumeAfterStore} follows. */
    final boolean beginStore() {
        return storing.compareAndSet(null, new CompletableFuture<>());
    }

    /** Whether it has begun to store, or may not store any more. */
    final boolean isStoring() {
        return storing.get() != null;
    }

    final void endStore() {
        endStore(SEALED);
    }

    /** Ends a store that was rejected; the flight goes on to wait or to compute again. */
    final void resumeAfterStore() {
        endStore(null);
    }

    private void endStore(@Nullable CompletableFuture<Void> next) {
        CompletableFuture<Void> ended = storing.getAndSet(next);
        if (ended != null) {
            ended.complete(null);
        }
    }

    /** Prevents it from storing anything from now on. Completes when a store that is under way has ended. */
    final CompletableFuture<Void> invalidate() {
        return storing.compareAndSet(null, SEALED) ? SEALED : storeUnderWay();
    }

    private CompletableFuture<Void> storeUnderWay() {
        return Objects.requireNonNullElse(storing.get(), SEALED);
    }

    /** Runs a step of the load and calls {@code next} with its result, whichever way it fails. */
    final <T> void step(
            Supplier<? extends CompletionStage<T>> step,
            BiConsumer<? super @Nullable T, ? super @Nullable Throwable> next) {
        CompletionStage<T> stage;
        try {
            stage = Objects.requireNonNull(step.get(), "the load returned no stage");
        } catch (Throwable error) {
            proceed(next, null, error);
            return;
        }
        var unused = stage.whenComplete((value, error) -> proceed(next, value, error));
    }

    private <T> void proceed(
            BiConsumer<? super @Nullable T, ? super @Nullable Throwable> next,
            @Nullable T value,
            @Nullable Throwable error) {
        try {
            next.accept(value, error == null ? null : Causes.unwrap(error));
        } catch (Throwable unexpected) {
            fail(unexpected);
        }
    }

    static Throwable noFigure(@Nullable Throwable error) {
        return error != null ? error : new NullPointerException("the load returned no figure");
    }
}
