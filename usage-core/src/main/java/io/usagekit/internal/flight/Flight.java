package io.usagekit.internal.flight;

import io.usagekit.AgedUsage;
import io.usagekit.SingleFlight.Landing;
import io.usagekit.SingleFlight.Load;
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

/** One flight of this process: who has joined it, its deadline, and whether it may still keep what it computes. */
abstract class Flight {

    /**
     * What a flight begins with.
     *
     * @param free told when the key is free for another flight
     * @param over told when it has landed and keeps nothing any more, not even what it began to keep before
     */
    record Start(UsageKey key, Load load, Delays delays, Consumer<Flight> free, Consumer<Flight> over) {}

    private static final Logger LOG = LoggerFactory.getLogger(Flight.class);

    /** Stands for a flight that may keep nothing any more. */
    private static final CompletableFuture<Void> SEALED = CompletableFuture.completedFuture(null);

    private final Start start;
    private final CompletableFuture<Landing> landing = new CompletableFuture<>();
    private final AtomicBoolean landed = new AtomicBoolean();
    private final CompletableFuture<Void> ended = new CompletableFuture<>();
    /** Null while it computes; a future while it keeps, which ends with that; then sealed. */
    private final AtomicReference<@Nullable CompletableFuture<Void>> keeping = new AtomicReference<>();

    private volatile Delays.@Nullable Timer deadline;

    Flight(Start start) {
        this.start = start;
    }

    /** The steps: each ends in {@link #land} or {@link #fail}, or leads to another. */
    abstract void begin();

    /** Clears up after landing. */
    CompletableFuture<Void> clearUp() {
        return CompletableFuture.completedFuture(null);
    }

    final UsageKey key() {
        return start.key();
    }

    final Load load() {
        return start.load();
    }

    final Delays delays() {
        return start.delays();
    }

    final CompletableFuture<Landing> join() {
        return landing.copy();
    }

    final boolean hasLanded() {
        return landed.get();
    }

    final void takeOff() {
        try {
            load().tookOff();
            deadline = delays().after(load().timeout(), this::timeOut);
            begin();
        } catch (Throwable error) {
            fail(error);
        }
        if (hasLanded()) {
            cancelDeadline();
        }
    }

    private void timeOut() {
        if (!hasLanded()) {
            fail(timedOut());
        }
    }

    private Throwable timedOut() {
        try {
            return load().timedOut();
        } catch (Throwable error) {
            return error;
        }
    }

    final void land(Landing outcome) {
        end(() -> {}, () -> landing.complete(outcome));
    }

    final void fail(Throwable error) {
        Throwable cause = Causes.unwrap(error);
        end(() -> load().failed(cause), () -> landing.completeExceptionally(cause));
    }

    /**
     * The load knows before the key is free, so that nobody flies into a failure that should be backed off from; and the key is
     * free before anyone hears of the outcome: who hears of it and asks again starts anew.
     */
    private void end(Runnable note, Runnable tell) {
        if (!landed.compareAndSet(false, true)) {
            return;
        }
        harmless(note);
        // What comes later is too late to be kept: a newer figure may be there by then.
        keeping.compareAndSet(null, SEALED);
        freeKey();
        cancelDeadline();
        harmless(() -> {
            var unused = clearUp().whenComplete((done, error) -> ended.complete(null));
        });
        var unusedToo = beingKept().whenComplete((done, error) -> start.over().accept(this));
        harmless(() -> load().landed());
        tell.run();
    }

    /** The outcome is settled: whatever is thrown now, those who wait must hear of it. */
    private static void harmless(Runnable step) {
        try {
            step.run();
        } catch (Throwable error) {
            LOG.warn("a load threw on landing; its outcome stays what it is", error);
        }
    }

    /** Nobody can join any more; those who have will get the outcome. */
    final void freeKey() {
        start.free().accept(this);
    }

    /** Completes when it has landed and cleared up. */
    final CompletableFuture<Void> ended() {
        return ended;
    }

    private void cancelDeadline() {
        Delays.Timer timer = deadline;
        if (timer != null) {
            timer.cancel();
        }
    }

    /** Whether what was computed may be kept; if so, {@link #kept} says when that has ended. */
    final boolean beginKeeping() {
        return keeping.compareAndSet(null, new CompletableFuture<>());
    }

    final void kept() {
        endKeeping(SEALED);
    }

    /** It wasn't kept, and goes on to compute or to wait. */
    final void notKeptYet() {
        endKeeping(null);
    }

    private void endKeeping(@Nullable CompletableFuture<Void> next) {
        CompletableFuture<Void> kept = keeping.getAndSet(next);
        if (kept != null) {
            kept.complete(null);
        }
    }

    /** From now on it keeps nothing. Completes when what it keeps at this moment is kept. */
    final CompletableFuture<Void> invalidate() {
        return keeping.compareAndSet(null, SEALED) ? SEALED : beingKept();
    }

    private CompletableFuture<Void> beingKept() {
        return Objects.requireNonNullElse(keeping.get(), SEALED);
    }

    /** Takes a step of the load's and goes on with what it came to, whichever way it fails. */
    final <T> void step(
            Supplier<? extends CompletionStage<T>> step,
            BiConsumer<? super @Nullable T, ? super @Nullable Throwable> next) {
        CompletionStage<T> stage;
        try {
            stage = Objects.requireNonNull(step.get(), "the load gave no stage");
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
        return error != null ? error : new NullPointerException("the load gave no figure");
    }

    static Landing computed(AgedUsage figure) {
        return Landing.with(figure, io.usagekit.SingleFlight.Origin.COMPUTED);
    }
}
