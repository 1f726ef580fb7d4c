package io.usagekit;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Objects;

/**
 * What an organisation used in a period. All of it comes from one snapshot of the database: volume and bytes, received
 * and sent, never disagree.
 *
 * @param organisationId as in {@link UsageKey}
 * @param period the window; its label is the caller's own
 * @param received events of the organisation's projects created in the window and not deleted, and the octets of their
 *     payloads
 * @param sent successful deliveries of those projects created in the window, and the octets of the payloads that they
 *     delivered
 * @param createdAt when the figure was computed (never when it was read), truncated to microseconds
 * @param unmeasured how many of the events and deliveries are counted, but not their octets, since these can't be known any more:
 *     an event was deleted or its payload emptied, and its size is stored nowhere. If it isn't 0, the bytes are too low
 * @since 0.1
 */
public record OrganisationUsage(
        String organisationId,
        UsagePeriod period,
        UsageMetrics received,
        UsageMetrics sent,
        Instant createdAt,
        long unmeasured) {

    /**
     * @throws IllegalArgumentException if {@code organisationId} is out of the bounds of {@link UsageKey}, or {@code unmeasured} is
     *     negative
     */
    public OrganisationUsage {
        new UsageKey(organisationId, period);
        Objects.requireNonNull(received, "received");
        Objects.requireNonNull(sent, "sent");
        createdAt = createdAt.truncatedTo(ChronoUnit.MICROS);
        if (unmeasured < 0) {
            throw new IllegalArgumentException("unmeasured must be at least 0, but was " + unmeasured);
        }
    }

    /** A figure of which all octets are known. */
    public OrganisationUsage(
            String organisationId, UsagePeriod period, UsageMetrics received, UsageMetrics sent, Instant createdAt) {
        this(organisationId, period, received, sent, createdAt, 0);
    }

    /** A figure for this key, of which all octets are known. */
    public OrganisationUsage(UsageKey key, UsageMetrics received, UsageMetrics sent, Instant createdAt) {
        this(key, received, sent, createdAt, 0);
    }

    /** A figure for this key. */
    public OrganisationUsage(
            UsageKey key, UsageMetrics received, UsageMetrics sent, Instant createdAt, long unmeasured) {
        this(key.organisationId(), key.period(), received, sent, createdAt, unmeasured);
    }

    /**
     * The same figure under another period of the same window: with its label and its zone. Callers that share a figure each get
     * it under the period that they passed.
     *
     * @throws IllegalArgumentException if the windows differ
     */
    public OrganisationUsage withPeriod(UsagePeriod other) {
        if (!period.equals(other)) {
            throw new IllegalArgumentException(
                    "period must be of the window " + period + ", but was " + other + ": it is another figure");
        }
        return period.isNamedAs(other)
                ? this
                : new OrganisationUsage(organisationId, other, received, sent, createdAt, unmeasured);
    }

    /** The same figure under another spelling of the organisation's id, which callers that share a figure may each have. */
    public OrganisationUsage withOrganisationId(String other) {
        return new OrganisationUsage(other, period, received, sent, createdAt, unmeasured);
    }

    /**
     * Whether the period was over when the figure was computed: {@link #createdAt} isn't before its end. Such a figure lacks nothing
     * that was committed by the period's end; one that isn't says what was used so far. By the clock of the process that computed it.
     */
    public boolean isPeriodOver() {
        return !createdAt.isBefore(period.end());
    }

    /** Which figure this is. */
    public UsageKey key() {
        return new UsageKey(organisationId, period);
    }
}
