package io.usagekit.postgres.rollups;

import io.usagekit.UsageMetrics;
import java.time.Instant;

/**
 * An hour whose sums aren't those of the raw rows: something has changed that no trigger was told of.
 *
 * @param projectId the project, as text
 * @param hour the hour's first instant
 * @param rolledReceived what roll-ups say was received
 * @param rolledSent what roll-ups say was sent
 * @param rawReceived what the raw rows say was received
 * @param rawSent what the raw rows say was sent
 * @since 0.1
 */
public record RollupDrift(
        String projectId,
        Instant hour,
        UsageMetrics rolledReceived,
        UsageMetrics rolledSent,
        UsageMetrics rawReceived,
        UsageMetrics rawSent) {}
