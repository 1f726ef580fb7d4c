package io.usagekit.postgres.rollups;

import io.usagekit.UsageMetrics;
import java.time.Instant;

/**
 * What was used in one hour, day or month of a series.
 *
 * @param start its first instant, or that of the whole window if it begins in its midst
 * @param end the first instant after it, or after the whole window
 * @param received as in {@link io.usagekit.OrganisationUsage}
 * @param sent as in {@link io.usagekit.OrganisationUsage}
 * @since 0.1
 */
public record UsageSeriesPoint(Instant start, Instant end, UsageMetrics received, UsageMetrics sent) {}
