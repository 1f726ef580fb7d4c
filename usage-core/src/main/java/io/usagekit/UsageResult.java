package io.usagekit;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Answer to one call: a figure and how fresh it is, or the statement that it isn't known yet. Immutable.
 *
 * @since 0.1
 */
public final class UsageResult {

    /** Null if there is a figure, which says it. */
    private final @Nullable UsageKey pendingKey;

    private final Freshness freshness;
    private final @Nullable AgedUsage figure;
    private final Instant createdAt;
    private final Duration freshUntil;

    private UsageResult(
            @Nullable UsageKey pendingKey,
            Freshness freshness,
            @Nullable AgedUsage figure,
            Instant createdAt,
            Duration freshUntil) {
        this.pendingKey = pendingKey;
        this.freshness = freshness;
        this.figure = figure;
        this.createdAt = createdAt;
        this.freshUntil = freshUntil;
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
        return known(Freshness.FRESH, figure, Objects.requireNonNull(freshUntil, "freshUntil"));
    }

    /** A figure older than the soft limit, or not known to be the newest. */
    public static UsageResult stale(AgedUsage figure) {
        return known(Freshness.STALE, figure, Duration.ZERO);
    }

    /** A figure older than the hard limit, for want of a newer one. */
    public static UsageResult staleOnError(AgedUsage figure) {
        return known(Freshness.STALE_ON_ERROR, figure, Duration.ZERO);
    }

    /**
     * No figure yet.
     *
     * @param at when this answer was given, truncated to microseconds
     */
    public static UsageResult pending(UsageKey key, Instant at) {
        Objects.requireNonNull(key, "key");
        return new UsageResult(key, Freshness.PENDING, null, at.truncatedTo(ChronoUnit.MICROS), Duration.ZERO);
    }

    private static UsageResult known(Freshness freshness, AgedUsage figure, Duration freshUntil) {
        return new UsageResult(null, freshness, figure, figure.usage().createdAt(), freshUntil);
    }

    /** The same answer under another spelling of the organisation's id. */
    public UsageResult withOrganisationId(String other) {
        UsageKey pending = pendingKey;
        return new UsageResult(
                pending == null ? null : new UsageKey(other, pending.period()),
                freshness,
                figure == null ? null : new AgedUsage(figure.usage().withOrganisationId(other), figure.age()),
                createdAt,
                freshUntil);
    }

    private Optional<AgedUsage> figure() {
        return Optional.ofNullable(figure);
    }

    /** Key of the requested figure. */
    public UsageKey key() {
        UsageKey pending = pendingKey;
        return pending != null ? pending : figure().orElseThrow().usage().key();
    }

    /** How fresh the figure is. */
    public Freshness freshness() {
        return freshness;
    }

    /** Whether there is no figure yet. */
    public boolean isPending() {
        return figure == null;
    }

    /**
     * Whether the period was over when the figure was computed, as a bill needs it: {@link OrganisationUsage#isPeriodOver()}. False if
     * it is pending.
     */
    public boolean isPeriodOver() {
        return figure != null && figure.usage().isPeriodOver();
    }

    /** The figure; empty exactly if {@link #isPending()}. */
    public Optional<OrganisationUsage> usage() {
        return figure().map(AgedUsage::usage);
    }

    /** How many rows the figure counts without their octets, which can't be known any more: {@link OrganisationUsage#unmeasured}; 0 if pending. */
    public long unmeasured() {
        return figure().map(known -> known.usage().unmeasured()).orElse(0L);
    }

    /** How old the figure is; empty exactly if {@link #isPending()}. */
    public Optional<Duration> age() {
        return figure().map(AgedUsage::age);
    }

    /**
     * How long the figure stays {@link Freshness#FRESH} from when this answer was given: what is left until the soft limit. At least
     * zero; zero unless it is fresh.
     */
    public Duration freshFor() {
        Duration left = figure().map(known -> freshUntil.minus(known.age())).orElse(Duration.ZERO);
        return left.isNegative() ? Duration.ZERO : left;
    }

    /** When the figure was computed, or, if it is pending, when this answer was given. */
    public Instant createdAt() {
        return createdAt;
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
        return createdAt;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof UsageResult that
                && Objects.equals(pendingKey, that.pendingKey)
                && freshness == that.freshness
                && Objects.equals(figure, that.figure)
                && createdAt.equals(that.createdAt)
                && freshUntil.equals(that.freshUntil);
    }

    @Override
    public int hashCode() {
        return Objects.hash(pendingKey, freshness, figure, createdAt, freshUntil);
    }

    @Override
    public String toString() {
        return figure().map(f -> freshness + " " + f).orElseGet(() -> freshness + " " + key());
    }
}
