package io.usagekit;

import java.time.Duration;
import java.util.Objects;

/**
 * Terms of one load.
 *
 * @param timeout how long the load may take from its start; positive. After that its callers get a failure
 * @param acceptableAge a stored figure younger than this makes the computation unnecessary; zero: none does
 * @param remoteLoads whether the load waits for another process that computes the same figure
 * @param life how old a figure may grow before it must not be stored any longer
 * @since 0.1
 */
public record LoadTerms(Duration timeout, Duration acceptableAge, RemoteLoads remoteLoads, Duration life) {

    /** What a load does while another process computes the same figure. */
    public enum RemoteLoads {
        /** It waits for the other process, until its own timeout. */
        AWAITED,
        /** It completes at once as {@link LoadOutcome.Origin#NOT_WAITED}. */
        NOT_AWAITED
    }

    /**
     * Checks the bounds.
     *
     * @throws IllegalArgumentException if {@code timeout} isn't positive, or {@code acceptableAge} is negative
     */
    public LoadTerms {
        Objects.requireNonNull(remoteLoads, "remoteLoads");
        Objects.requireNonNull(life, "life");
        if (timeout.isZero() || timeout.isNegative()) {
            throw new IllegalArgumentException("timeout must be positive, but was " + timeout);
        }
        if (acceptableAge.isNegative()) {
            throw new IllegalArgumentException("acceptableAge must be at least 0, but was " + acceptableAge);
        }
    }

    /** Returns how long to store this figure from now on: its life minus its age. Less than 1 ms: not at all. */
    public Duration timeToLive(AgedUsage figure) {
        return life.minus(figure.age());
    }
}
