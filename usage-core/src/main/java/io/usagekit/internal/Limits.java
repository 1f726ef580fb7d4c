package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import java.time.Duration;

/**
 * How old a figure may be. One that was computed before its period's end isn't fresh after it; whether the end has passed says the clock
 * that stamped the figure, carried on by the figure's age, so that no two machines' clocks are compared.
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

    /** The age at which this very figure isn't fresh any more: one that was computed before its period's end not after it. */
    Duration freshUntil(AgedUsage figure) {
        Duration soft = softFor(figure);
        Duration limit = soft.compareTo(hard) < 0 ? soft : hard;
        OrganisationUsage usage = figure.usage();
        if (usage.isPeriodOver()) {
            return limit;
        }
        Duration atEnd = ageAtEnd(usage);
        return atEnd.compareTo(limit) < 0 ? atEnd : limit;
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

    /** The age at which the figure's period ends; only of a figure that was computed before that. */
    private static Duration ageAtEnd(OrganisationUsage usage) {
        return Duration.between(usage.createdAt(), usage.period().end());
    }

    /** Whether the figure was computed before its period's end, and that has passed since. */
    static boolean isOverdue(AgedUsage figure) {
        OrganisationUsage usage = figure.usage();
        return !usage.isPeriodOver() && figure.age().compareTo(ageAtEnd(usage)) >= 0;
    }

    /**
     * Returns how old a figure may be that replaces this one: what a limit says, and if this one is overdue, less than the time since
     * the period's end.
     */
    static Duration acceptableAge(Duration limit, AgedUsage old) {
        if (!isOverdue(old)) {
            return limit;
        }
        Duration sinceEnd = old.age().minus(ageAtEnd(old.usage()));
        return sinceEnd.compareTo(limit) < 0 ? sinceEnd : limit;
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
