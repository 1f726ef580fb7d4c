package io.usagekit.postgres.rollups;

import io.usagekit.UsageMetrics;
import java.time.Instant;

/**
 * An hour of a project whose rolled sums differ from the raw rows: rows changed without firing a trigger.
 *
 * @param projectId the project, as text
 * @param hour the hour's first instant
 * @param rolledReceived received, by the roll-ups
 * @param rolledSent sent, by the roll-ups
 * @param rawReceived received, by the raw rows
 * @param rawSent sent, by the raw rows
 * @since 0.1
 */
public record RollupDrift(
        String projectId,
        Instant hour,
        UsageMetrics rolledReceived,
        UsageMetrics rolledSent,
        UsageMetrics rawReceived,
        UsageMetrics rawSent) {}
