package io.usagekit;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Answer to one call: a figure and how fresh it is, or the statement that it isn't known yet. Immutable.
 *
 * @since 0.1
 */
public final class UsageResult {

    /** What is known without the figure; null if there is one. */
    private final @Nullable Pending pending;

    private final Freshness freshness;
    private final @Nullable OrganisationUsage usage;
    // Times are numbers, since a hit in memory makes no other object than this one and its key.
    private final long ageNanos;
    private final long freshUntilNanos;

    private record Pending(UsageKey key, Instant at) {}

    private UsageResult(
            @Nullable Pending pending,
            Freshness freshness,
            @Nullable OrganisationUsage usage,
            long ageNanos,
            long freshUntilNanos) {
        this.pending = pending;
        this.freshness = freshness;
        this.usage = usage;
        this.ageNanos = ageNanos;
        this.freshUntilNanos = freshUntilNanos;
    }

    /** A figure within the soft limit, of which no time is left: {@link #freshFor()} is zero. */
    public static UsageResult fresh(AgedUsage figure) {
        return fresh(figure, Duration.ZERO);
    }

    /**
     * A figure within the soft limit.
     *
     * @param freshUntil the age at which the figure isn't fresh any more
     */
    public static UsageResult fresh(AgedUsage figure, Duration freshUntil) {
        return known(Freshness.FRESH, figure, nanos(freshUntil));
    }

    /**
     * A figure within the soft limit, as {@link #fresh(AgedUsage, Duration)} returns it.
     *
     * @param ageNanos its age in nanoseconds
     * @param freshUntilNanos the age at which the figure isn't fresh any more, in nanoseconds
     * @throws IllegalArgumentException if {@code ageNanos} is negative
     */
    public static UsageResult fresh(OrganisationUsage usage, long ageNanos, long freshUntilNanos) {
        if (ageNanos < 0) {
            throw new IllegalArgumentException("ageNanos must be at least 0, but was " + ageNanos);
        }
        return new UsageResult(
                null, Freshness.FRESH, Objects.requireNonNull(usage, "usage"), ageNanos, freshUntilNanos);
    }

    /** A figure older than the soft limit, or not known to be the newest. */
    public static UsageResult stale(AgedUsage figure) {
        return known(Freshness.STALE, figure, 0);
    }

    /** A figure older than the hard limit, for want of a newer one. */
    public static UsageResult staleOnError(AgedUsage figure) {
        return known(Freshness.STALE_ON_ERROR, figure, 0);
    }

    /**
     * No figure yet.
     *
     * @param at when this answer was given, truncated to microseconds
     */
    public static UsageResult pending(UsageKey key, Instant at) {
        Objects.requireNonNull(key, "key");
        return new UsageResult(new Pending(key, at.truncatedTo(ChronoUnit.MICROS)), Freshness.PENDING, null, 0, 0);
    }

    private static UsageResult known(Freshness freshness, AgedUsage figure, long freshUntilNanos) {
        return new UsageResult(null, freshness, figure.usage(), nanos(figure.age()), freshUntilNanos);
    }

    /** The most that a {@code long} holds if it is more. */
    private static long nanos(Duration duration) {
        return TimeUnit.NANOSECONDS.convert(duration);
    }

    /** The same answer under another spelling of the organisation's id. */
    public UsageResult withOrganisationId(String other) {
        return new UsageResult(
                pending == null ? null : new Pending(new UsageKey(other, pending.key.period()), pending.at),
                freshness,
                usage == null ? null : usage.withOrganisationId(other),
                ageNanos,
                freshUntilNanos);
    }

    /** Key of the requested figure. */
    public UsageKey key() {
        return pending != null ? pending.key : usage().orElseThrow().key();
    }

    /** How fresh the figure is. */
    public Freshness freshness() {
        return freshness;
    }

    /** Whether there is no figure yet. */
    public boolean isPending() {
        return usage == null;
    }

    /**
     * Whether the period was over when the figure was computed, as a bill needs it: {@link OrganisationUsage#isPeriodOver()}. False if
     * it is pending.
     */
    public boolean isPeriodOver() {
        return usage != null && usage.isPeriodOver();
    }

    /** The figure; empty exactly if {@link #isPending()}. */
    public Optional<OrganisationUsage> usage() {
        return Optional.ofNullable(usage);
    }

    /** How many rows the figure counts without their octets, which can't be known any more: {@link OrganisationUsage#unmeasured}; 0 if pending. */
    public long unmeasured() {
        return usage == null ? 0 : usage.unmeasured();
    }

    /** How old the figure is, exact up to 292 years; empty exactly if {@link #isPending()}. */
    public Optional<Duration> age() {
        return usage().map(known -> Duration.ofNanos(ageNanos));
    }

    /**
     * How long the figure stays {@link Freshness#FRESH} from when this answer was given: what is left until the soft limit. At least
     * zero; zero unless it is fresh.
     */
    public Duration freshFor() {
        return ageNanos < freshUntilNanos ? Duration.ofNanos(freshUntilNanos - ageNanos) : Duration.ZERO;
    }

    /** When the figure was computed, or, if it is pending, when this answer was given. */
    public Instant createdAt() {
        return pending != null ? pending.at : usage().orElseThrow().createdAt();
    }

    /** Bean form of {@link #key()}: a mapper without {@code usage-jackson} prints the whole answer, not only that it isn't pending. */
    public UsageKey getKey() {
        return key();
    }

    /** Bean form of {@link #freshness()}. */
    public Freshness getFreshness() {
        return freshness;
    }

    /** Bean form of {@link #usage()}. */
    public Optional<OrganisationUsage> getUsage() {
        return usage();
    }

    /** Bean form of {@link #age()}. */
    public Optional<Duration> getAge() {
        return age();
    }

    /** Bean form of {@link #createdAt()}. */
    public Instant getCreatedAt() {
        return createdAt();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof UsageResult that
                && Objects.equals(pending, that.pending)
                && freshness == that.freshness
                && Objects.equals(usage, that.usage)
                && ageNanos == that.ageNanos
                && freshUntilNanos == that.freshUntilNanos;
    }

    @Override
    public int hashCode() {
        return Objects.hash(pending, freshness, usage, ageNanos, freshUntilNanos);
    }

    @Override
    public String toString() {
        return freshness + " " + (usage == null ? key() : new AgedUsage(usage, Duration.ofNanos(ageNanos)));
    }
}
