package io.usagekit.internal;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageOverloadedException;
import io.usagekit.internal.UsageLoad.Purpose;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** What the failures of one load are to its callers, to later loads of its figure, and to listeners. Thread-safe. */
final class LoadFailures {

    private final Computations computations;
    private final UsageKey key;
    private final Purpose purpose;
    private final AtomicBoolean noted = new AtomicBoolean();
    /** The failure of an earlier computation by which a time-out is explained. */
    private volatile @Nullable Throwable explanation;

    /** A refresh was dropped for want of a permit or a thread. Callers that joined it and need the figure start loads of their own. */
    static final class RefreshDroppedException extends UsageException {

        private static final long serialVersionUID = 1L;

        RefreshDroppedException() {
            super("no room for a refresh", null);
        }
    }

    LoadFailures(Computations computations, UsageKey key, Purpose purpose) {
        this.computations = computations;
        this.key = key;
        this.purpose = purpose;
    }

    /**
     * Looks at the back-off once more: a caller that looked before a failure was noted, and was then held up until that load had
     * completed, would otherwise start a load that is to be backed off from.
     */
    void throwWhileBackingOff() {
        if (purpose == Purpose.MISS || purpose == Purpose.REFRESH) {
            computations.backOff().of(key).ifPresent(error -> {
                throw new CompletionException(purpose == Purpose.MISS ? error : new RefreshDroppedException());
            });
        }
    }

    /** Returns the error of a load that ended before it computed. */
    UsageCalculationException abandoned() {
        return new UsageCalculationException("the load of " + key + " ended before the figure was computed", null);
    }

    /**
     * Returns what callers get at the deadline.
     *
     * @param computation that has begun, or waits to begin; null if there is none
     */
    Throwable timedOut(@Nullable Computation computation) {
        String what = "the usage of " + key + " wasn't computed within " + computations.timeout();
        if (computation == null || computation.hasBegun()) {
            return computations
                    .incidents()
                    .lastingFailure(key)
                    .map(earlier -> explained(what, earlier))
                    .orElseGet(() -> new UsageCalculationException(what, timeout()));
        }
        return new UsageOverloadedException(what + ": " + computation.waitingFor(), computation.rejection());
    }

    private UsageCalculationException explained(String what, Throwable earlier) {
        explanation = earlier;
        return UsageCalculationException.permanent(
                what + "; the computation before failed: " + earlier.getMessage(), earlier);
    }

    private TimeoutException timeout() {
        return new TimeoutException("not loaded within " + computations.timeout());
    }

    /** Notes that the load has failed; the first failure of a load counts. */
    void note(Throwable error, @Nullable Computation computation) {
        if (!noted.compareAndSet(false, true)) {
            return;
        }
        if (computation != null && computation.hasBegun() && !computations.isClosed()) {
            computations.backOff().failed(key, error);
            // A time-out that an earlier failure explains is no news of that, which the next time-out could refer to.
            boolean isExplained = error.getCause() != null && error.getCause() == explanation;
            computation.noteFailure(isExplained ? timeout() : error);
        }
        if (purpose == Purpose.REFRESH && !(error instanceof RefreshDroppedException)) {
            computations.listener().refreshFailed(key, error);
        }
    }

    /** Returns for how long other processes back off. They don't from an error that no retry cures: it may be one of this process's settings. */
    Optional<Duration> backOffOfOthers(Throwable error, @Nullable Computation computation) {
        boolean hasComputed = computation != null && computation.hasBegun();
        return hasComputed && !computations.isClosed() && !ComputationIncidents.isPermanent(error)
                ? computations.backOff().forOthers()
                : Optional.empty();
    }
}
