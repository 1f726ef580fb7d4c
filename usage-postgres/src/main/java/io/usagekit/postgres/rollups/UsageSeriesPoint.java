package io.usagekit.postgres.rollups;

import io.usagekit.UsageMetrics;
import java.time.Instant;

/**
 * Usage in one hour, day or month of a series.
 *
 * @param start first instant of the hour, day or month, or the start of the window if that is later
 * @param end first instant after it, or the end of the window if that is earlier
 * @param received as in {@link io.usagekit.OrganisationUsage}
 * @param sent as in {@link io.usagekit.OrganisationUsage}
 * @param unmeasured as in {@link io.usagekit.OrganisationUsage}
 * @since 0.1
 */
public record UsageSeriesPoint(Instant start, Instant end, UsageMetrics received, UsageMetrics sent, long unmeasured) {

    /** Usage of which all octets are known. */
    public UsageSeriesPoint(Instant start, Instant end, UsageMetrics received, UsageMetrics sent) {
        this(start, end, received, sent, 0);
    }
}
