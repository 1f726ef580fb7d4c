package io.usagekit.internal.ids;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageException;
import io.usagekit.UsageInterruptedException;
import io.usagekit.internal.flight.Causes;
import io.usagekit.internal.flight.Delays;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The ids of organisations as the calculator's source writes them. Before the source has been asked for that, the first calls wait a
 * moment for its answer; when it doesn't come, ids count as they are written, so that cached figures are served while the source is down.
 */
public final class OrganisationIds {

    private static final Logger LOG = LoggerFactory.getLogger(UsageCalculator.class);
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(1);
    private static final CompletableFuture<Void> DONE = CompletableFuture.completedFuture(null);

    private final UsageCalculator calculator;
    private final Executor executor;
    private final Delays delays;
    private final Duration timeout;
    private final LongSupplier ticker;
    private final AtomicReference<Inquiry> inquiry = new AtomicReference<>();
    /** Whether callers have waited in vain: later ones don't wait. */
    private volatile boolean waitedInVain;

    /**
     * Asks nothing yet.
     *
     * @param executor asks the calculator's source how it writes ids, once
     * @param timeout how long it may take to answer
     */
    public OrganisationIds(
            UsageCalculator calculator, Executor executor, Delays delays, Duration timeout, LongSupplier ticker) {
        this.calculator = calculator;
        this.executor = executor;
        this.delays = delays;
        this.timeout = timeout;
        this.ticker = ticker;
    }

    /** A question to the source, and when it was asked. */
    private record Inquiry(CompletableFuture<Void> answer, long asked) {

        /** Whether it is under way, or has failed a moment ago. */
        boolean isRecent(long now) {
            return !answer.isDone() || (answer.isCompletedExceptionally() && now - asked < LONGEST_WAIT.toNanos());
        }
    }

    /**
     * Returns the id as the source writes it, as far as that is known.
     *
     * @throws IllegalArgumentException if the source can't hold it. What else a calculator throws keeps nobody from the cache
     */
    String canonical(String organisationId) {
        try {
            return Objects.requireNonNull(calculator.canonicalId(organisationId), "the calculator returned no id");
        } catch (IllegalArgumentException e) {
            throw e;
        } catch (RuntimeException e) {
            LOG.warn("a usage calculator threw in canonicalId; the id is taken as it is", e);
            return organisationId;
        }
    }

    private boolean isKnown() {
        try {
            return calculator.knowsIds();
        } catch (RuntimeException e) {
            LOG.warn("a usage calculator threw in knowsIds; ids are taken as they are", e);
            return true;
        }
    }

    /** Completes when calls needn't wait any more: normally, whether or not the source has answered. */
    CompletableFuture<Void> ready() {
        if (isKnown()) {
            return DONE;
        }
        CompletableFuture<Void> answer = ask();
        if (waitedInVain || answer.isDone()) {
            return DONE;
        }
        CompletableFuture<Void> wait = new CompletableFuture<>();
        Delays.Timer timer = delays.after(
                LONGEST_WAIT,
                () -> { // without a call of the calculator, which may block
                    waitedInVain = true;
                    wait.complete(null);
                });
        var unused = answer.whenComplete((done, error) -> {
            timer.cancel();
            waitedInVain = !isKnown();
            wait.complete(null);
        });
        return wait;
    }

    /** Completes when it is known how the source writes ids; exceptionally if it didn't answer. */
    CompletableFuture<Void> known() {
        return isKnown() ? DONE : ask();
    }

    private CompletableFuture<Void> ask() {
        long now = ticker.getAsLong();
        Inquiry last = inquiry.get();
        if (last != null && last.isRecent(now)) {
            return last.answer();
        }
        Inquiry next = new Inquiry(new CompletableFuture<>(), now);
        if (!inquiry.compareAndSet(last, next)) {
            return ask();
        }
        try {
            executor.execute(() -> ask(next.answer()));
        } catch (RuntimeException e) {
            next.answer().completeExceptionally(e);
        }
        return next.answer();
    }

    private void ask(CompletableFuture<Void> answer) {
        try {
            calculator.learnIds(timeout);
            answer.complete(null);
        } catch (Throwable e) {
            answer.completeExceptionally(e);
        }
    }

    /** Waits until calls needn't wait any more. */
    void awaitReady() {
        if (!isKnown()) {
            await(ready());
        }
    }

    /** Waits until it is known how the source writes ids; returns why it isn't, if the source didn't answer. */
    Optional<UsageException> awaitKnown() {
        if (isKnown()) {
            return Optional.empty();
        }
        return await(known());
    }

    private static Optional<UsageException> await(CompletableFuture<Void> future) {
        try {
            future.get();
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new UsageInterruptedException("interrupted while the source was asked how it writes ids", e);
        } catch (ExecutionException e) {
            return Optional.of(failure(e));
        }
    }

    /** Returns why the source didn't answer. */
    static UsageException failure(Throwable error) {
        Throwable cause = Causes.unwrap(error);
        return cause instanceof UsageException known
                ? known
                : new UsageCalculationException(
                        "the source can't be asked how it writes organisations' ids: " + cause, cause);
    }
}
