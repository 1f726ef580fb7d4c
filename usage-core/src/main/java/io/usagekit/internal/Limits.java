package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;

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

    /** A period that ends so long after a figure was computed is further away than any limit. */
    private static final long FAR_SECONDS = TimeUnit.DAYS.toSeconds(36_500);

    /** Past its hard limit and its grace a figure is as good as absent. */
    Duration life() {
        return hard.plus(grace);
    }

    boolean isFresh(AgedUsage figure) {
        return nanos(figure.age()) < freshUntilNanos(figure.usage());
    }

    /** The age at which this very figure isn't fresh any more: one that was computed before its period's end not after it. */
    Duration freshUntil(AgedUsage figure) {
        return Duration.ofNanos(freshUntilNanos(figure.usage()));
    }

    /** {@link #freshUntil} in nanoseconds. */
    long freshUntilNanos(OrganisationUsage usage) {
        long limit = Math.min(softNanosFor(usage), hard.toNanos());
        return usage.isPeriodOver() ? limit : Math.min(limit, ageAtEnd(usage));
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
        return Duration.ofNanos(softNanosFor(figure.usage()));
    }

    private long softNanosFor(OrganisationUsage usage) {
        long nanos = soft.toNanos();
        if (jitterPercent == 0) {
            return nanos;
        }
        int spread = 10 * jitterPercent;
        int hash = mix(usage.organisationId().hashCode()
                + 31 * usage.period().hashCode()
                + 961 * usage.createdAt().hashCode());
        int permille = Math.floorMod(hash, 2 * spread + 1) - spread;
        return nanos + nanos / 1_000 * permille;
    }

    /** The age in nanoseconds at which the figure's period ends; only of a figure that was computed before that. */
    private static long ageAtEnd(OrganisationUsage usage) {
        Instant computed = usage.createdAt();
        Instant end = usage.period().end();
        long seconds = end.getEpochSecond() - computed.getEpochSecond();
        return seconds < FAR_SECONDS
                ? TimeUnit.SECONDS.toNanos(seconds) + end.getNano() - computed.getNano()
                : Long.MAX_VALUE;
    }

    /** The most that a {@code long} holds if it is more. */
    private static long nanos(Duration duration) {
        return TimeUnit.NANOSECONDS.convert(duration);
    }

    /** Whether the figure was computed before its period's end, and that has passed since. */
    static boolean isOverdue(AgedUsage figure) {
        OrganisationUsage usage = figure.usage();
        return !usage.isPeriodOver() && nanos(figure.age()) >= ageAtEnd(usage);
    }

    /**
     * Returns how old a figure may be that replaces this one: what a limit says, and if this one is overdue, less than the time since
     * the period's end.
     */
    static Duration acceptableAge(Duration limit, AgedUsage old) {
        if (!isOverdue(old)) {
            return limit;
        }
        Duration sinceEnd = old.age().minusNanos(ageAtEnd(old.usage()));
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
