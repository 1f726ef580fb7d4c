package io.usagekit.internal;

import io.usagekit.AgedUsage;
import java.time.Duration;

/**
 * How old a figure may be.
 *
 * @param soft {@code refreshAfter}
 * @param hard {@code ttl}
 * @param grace {@code staleIfError}
 * @param jitterPercent by how much the soft limit of one figure may differ
 */
public record Limits(Duration soft, Duration hard, Duration grace, int jitterPercent) {

    /** Past its hard limit and its grace a figure is as good as absent. */
    Duration life() {
        return hard.plus(grace);
    }

    boolean isFresh(AgedUsage figure) {
        return figure.age().compareTo(freshUntil(figure)) < 0;
    }

    /** The age at which this very figure isn't fresh any more. */
    Duration freshUntil(AgedUsage figure) {
        Duration limit = softFor(figure);
        return limit.compareTo(hard) < 0 ? limit : hard;
    }

    boolean isServable(AgedUsage figure) {
        return figure.age().compareTo(hard) < 0;
    }

    boolean isAlive(AgedUsage figure) {
        return figure.age().compareTo(life()) < 0;
    }

    /**
     * The soft limit of this very figure. Figures that were computed together don't all fall due together; and since it depends
     * on nothing but the figure, all processes agree on it, and it doesn't waver from one call to the next.
     */
    Duration softFor(AgedUsage figure) {
        if (jitterPercent == 0 || soft.isZero()) {
            return soft;
        }
        int spread = 10 * jitterPercent;
        int hash = mix(figure.usage().organisationId().hashCode()
                + 31 * figure.usage().period().hashCode()
                + 961 * figure.usage().createdAt().hashCode());
        int permille = Math.floorMod(hash, 2 * spread + 1) - spread;
        long nanos = soft.toNanos();
        return Duration.ofNanos(nanos + nanos / 1_000 * permille);
    }

    /** The finaliser of MurmurHash3: hashes that differ in few bits come out far apart. */
    private static int mix(int hash) {
        int h = hash;
        h ^= h >>> 16;
        h *= 0x85ebca6b;
        h ^= h >>> 13;
        h *= 0xc2b2ae35;
        return h ^ (h >>> 16);
    }
}
