package io.usagekit.testkit;

import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageResult;
import java.time.Instant;
import java.util.Objects;
import org.assertj.core.api.AbstractAssert;
import org.jspecify.annotations.Nullable;

/**
 * AssertJ assertions about a result. Each throws an {@link AssertionError} that names the organisation and the period; those about the figure
 * fail if the result is pending.
 *
 * @since 0.1
 */
public final class UsageResultAssert extends AbstractAssert<UsageResultAssert, UsageResult> {

    UsageResultAssert(@Nullable UsageResult actual) {
        super(actual, UsageResultAssert.class);
    }

    /** Checks that the figure is {@link Freshness#FRESH}. */
    public UsageResultAssert isFresh() {
        return has(Freshness.FRESH);
    }

    /** Checks that the figure is {@link Freshness#STALE}. */
    public UsageResultAssert isStale() {
        return has(Freshness.STALE);
    }

    /** Checks that the figure is {@link Freshness#STALE_ON_ERROR}. */
    public UsageResultAssert isStaleOnError() {
        return has(Freshness.STALE_ON_ERROR);
    }

    /** Checks that there is no figure yet. */
    public UsageResultAssert isPending() {
        return has(Freshness.PENDING);
    }

    /** Checks what was received, as {@link OrganisationUsageAssert#hasReceived}. */
    public UsageResultAssert hasReceived(long volume, long bytes) {
        figure().hasReceived(volume, bytes);
        return this;
    }

    /** Checks what was sent, as {@link OrganisationUsageAssert#hasSent}. */
    public UsageResultAssert hasSent(long volume, long bytes) {
        figure().hasSent(volume, bytes);
        return this;
    }

    /** Checks how many rows are counted without their octets, as {@link OrganisationUsageAssert#hasUnmeasured}. */
    public UsageResultAssert hasUnmeasured(long rows) {
        figure().hasUnmeasured(rows);
        return this;
    }

    /** Checks when the figure was computed, as {@link OrganisationUsageAssert#hasCreatedAt}. */
    public UsageResultAssert hasCreatedAt(Instant instant) {
        figure().hasCreatedAt(instant);
        return this;
    }

    private UsageResult result() {
        isNotNull();
        return Objects.requireNonNull(actual);
    }

    private UsageResultAssert has(Freshness expected) {
        Freshness found = result().freshness();
        if (found != expected) {
            throw failureWithActualExpected(
                    found, expected, "expected %s to be %s, but was %s", result().key(), expected, found);
        }
        return this;
    }

    private OrganisationUsageAssert figure() {
        OrganisationUsage figure = result().usage().orElse(null);
        if (figure == null) {
            throw failure("expected a figure of %s, but it is pending", result().key());
        }
        return new OrganisationUsageAssert(figure).as(descriptionText());
    }
}
