package io.usagekit;

import java.util.Objects;
import java.util.Optional;

/**
 * Outcome of a load that didn't fail: the figure and where it came from.
 *
 * @param figure empty exactly if {@code origin} is {@link Origin#NOT_WAITED}
 * @param origin where the figure came from
 * @since 0.1
 */
public record LoadOutcome(Optional<AgedUsage> figure, Origin origin) {

    /** Where a figure came from. */
    public enum Origin {
        /** This process computed it. */
        COMPUTED,
        /** It was stored already when the load looked. */
        CACHED,
        /** Another process computed it while this load waited. */
        REMOTE,
        /** Another process is computing it, and this load doesn't wait for that: there is no figure. */
        NOT_WAITED
    }

    /**
     * Checks that there is a figure unless the load didn't wait for it.
     *
     * @throws IllegalArgumentException otherwise
     */
    public LoadOutcome {
        Objects.requireNonNull(origin, "origin");
        if (figure.isEmpty() != (origin == Origin.NOT_WAITED)) {
            throw new IllegalArgumentException(
                    "figure must be empty exactly if origin is NOT_WAITED, but was " + figure + " of origin " + origin);
        }
    }

    /** A figure that this process computed. */
    public static LoadOutcome computed(AgedUsage figure) {
        return new LoadOutcome(Optional.of(figure), Origin.COMPUTED);
    }

    /** A figure that was stored already. */
    public static LoadOutcome cached(AgedUsage figure) {
        return new LoadOutcome(Optional.of(figure), Origin.CACHED);
    }

    /** A figure that another process computed meanwhile. */
    public static LoadOutcome remote(AgedUsage figure) {
        return new LoadOutcome(Optional.of(figure), Origin.REMOTE);
    }

    /** No figure: another process computes it, and the load doesn't wait. */
    public static LoadOutcome notWaited() {
        return new LoadOutcome(Optional.empty(), Origin.NOT_WAITED);
    }
}
