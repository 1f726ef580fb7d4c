package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A figure in this process's memory, which knows by itself how old it is and when its time is over. */
final class NearEntry implements NearStore.Slot {

    /** Far below the difference that two readings of a nano ticker can have. */
    private static final Duration LONGEST = Duration.ofDays(36_500);

    private final OrganisationUsage usage;
    private final Duration age;
    private final long began;
    private final long expires;
    private final @Nullable TrackingValidity proof;

    private NearEntry(AgedUsage figure, long began, Duration left, @Nullable TrackingValidity proof) {
        this.usage = figure.usage();
        this.age = figure.age();
        this.began = began;
        this.expires = began + (left.compareTo(LONGEST) < 0 ? left : LONGEST).toNanos();
        this.proof = proof;
    }

    /**
     * A figure out of Redis.
     *
     * @param sent when the read was sent, in nanoseconds of the ticker: the figure is at least as old as it was then
     * @param proof under which changes of it are told; null if they aren't
     */
    static NearEntry of(CacheEntry read, long sent, @Nullable TrackingValidity proof) {
        return new NearEntry(read.figure(), sent, Duration.ofMillis(read.left()), proof);
    }

    /** A figure that nobody tells the changes of. */
    static NearEntry untracked(AgedUsage figure, long now, Duration timeToLive) {
        return new NearEntry(figure, now, timeToLive, null);
    }

    boolean isUnder(TrackingValidity other) {
        return proof == other;
    }

    boolean isAlive(long now) {
        return now - expires < 0;
    }

    /** As whoever asks calls it, with the age that it has now. */
    AgedUsage as(UsageKey key, long now) {
        long kept = Math.max(0, now - began); // a clock read before the figure came
        return new AgedUsage(labelled(key), age.plusNanos(kept));
    }

    private OrganisationUsage labelled(UsageKey key) {
        return usage.period().label().equals(key.period().label())
                ? usage
                : new OrganisationUsage(key, usage.received(), usage.sent(), usage.createdAt());
    }
}
