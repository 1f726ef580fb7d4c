package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Figure in this process's memory, with its own age and expiry by the local ticker. */
final class NearEntry implements NearStore.Slot {

    /** Most nanoseconds of an age and of a time to live: a hundred years, far below the largest difference of two readings of a nano ticker. */
    private static final long MAX_NANOS = TimeUnit.DAYS.toNanos(36_500);

    private final OrganisationUsage usage;
    private final long age;
    private final long began;
    private final long expires;
    private final @Nullable TrackingValidity validity;
    private final boolean unstored;

    private NearEntry(
            AgedUsage figure, long began, Duration timeToLive, @Nullable TrackingValidity validity, boolean unstored) {
        this.usage = figure.usage();
        this.age = nanos(figure.age());
        this.began = began;
        this.expires = began + nanos(timeToLive);
        this.validity = validity;
        this.unstored = unstored;
    }

    private static long nanos(Duration duration) {
        return Math.min(TimeUnit.NANOSECONDS.convert(duration), MAX_NANOS);
    }

    /**
     * Returns a figure read from Redis.
     *
     * @param sent when the read was sent, in nanoseconds of the ticker; the age counts from then, so that no figure looks too young
     * @param validity validity of the tracking connection that it was read on; null if it was read on another connection
     */
    static NearEntry of(CacheEntry read, long sent, @Nullable TrackingValidity validity) {
        return new NearEntry(read.figure(), sent, Duration.ofMillis(read.remainingMillis()), validity, false);
    }

    /** Returns a figure that couldn't be stored in Redis: no invalidation messages arrive for it. */
    static NearEntry unstored(AgedUsage figure, long now, Duration timeToLive) {
        return new NearEntry(figure, now, timeToLive, null, true);
    }

    /** Whether the figure couldn't be stored, so that Redis has no figure of this key, or an older one, as long as it stores none. */
    boolean isUnstored() {
        return unstored;
    }

    /** Whether the figure was computed later than that one. */
    boolean isYoungerThan(NearEntry other) {
        return began - age - (other.began - other.age) > 0;
    }

    /** Whether both are the figure of one computation. */
    boolean isSameFigureAs(NearEntry other) {
        return usage.equals(other.usage);
    }

    /** Whether the figure was read on the tracking connection of this validity. */
    boolean isTrackedBy(TrackingValidity other) {
        return validity == other;
    }

    /** Returns the validity of the tracking connection that it was read on; null if it was read on another connection. */
    @Nullable
    TrackingValidity validity() {
        return validity;
    }

    boolean isAlive(long now) {
        return now - expires < 0;
    }

    /** Returns the figure with its present age and the period of this key. */
    AgedUsage as(UsageKey key, long now) {
        return figure(usageFor(key), ageNanos(now));
    }

    static AgedUsage figure(OrganisationUsage usage, long ageNanos) {
        return new AgedUsage(usage, Duration.ofNanos(ageNanos));
    }

    /** Returns the figure with the period of this key. */
    OrganisationUsage usageFor(UsageKey key) {
        return usage.withPeriod(key.period());
    }

    /** Returns the present age in nanoseconds. */
    long ageNanos(long now) {
        return age + Math.max(0, now - began); // the clock may have been read before the figure arrived
    }
}
