package io.usagekit.testkit;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageMetrics;
import java.time.Instant;
import java.util.Objects;
import org.assertj.core.api.AbstractAssert;
import org.jspecify.annotations.Nullable;

/**
 * AssertJ assertions about a figure. Each throws an {@link AssertionError} that names the organisation and the period.
 *
 * @since 0.1
 */
public final class OrganisationUsageAssert extends AbstractAssert<OrganisationUsageAssert, OrganisationUsage> {

    OrganisationUsageAssert(@Nullable OrganisationUsage actual) {
        super(actual, OrganisationUsageAssert.class);
    }

    /**
     * Checks what was received.
     *
     * @param volume number of events
     * @param bytes octets of their payloads
     */
    public OrganisationUsageAssert hasReceived(long volume, long bytes) {
        return has("received", new UsageMetrics(volume, bytes), figure().received());
    }

    /**
     * Checks what was sent.
     *
     * @param volume number of successful deliveries
     * @param bytes octets of the payloads that they delivered
     */
    public OrganisationUsageAssert hasSent(long volume, long bytes) {
        return has("sent", new UsageMetrics(volume, bytes), figure().sent());
    }

    /** Checks how many rows are counted without their octets. */
    public OrganisationUsageAssert hasUnmeasured(long rows) {
        return has("unmeasured", rows, figure().unmeasured());
    }

    /** Checks when the figure was computed, to the microsecond. */
    public OrganisationUsageAssert hasCreatedAt(Instant instant) {
        return has("createdAt", instant, figure().createdAt());
    }

    private OrganisationUsage figure() {
        isNotNull();
        return Objects.requireNonNull(actual);
    }

    private OrganisationUsageAssert has(String what, Object expected, Object found) {
        if (!found.equals(expected)) {
            throw failureWithActualExpected(
                    found, expected, "expected %s of %s to be %s, but was %s", what, figure().key(), expected, found);
        }
        return this;
    }
}
