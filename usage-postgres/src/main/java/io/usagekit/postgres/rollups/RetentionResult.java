package io.usagekit.postgres.rollups;

/**
 * Result of {@link PostgresRollups#deleteBefore}.
 *
 * @param deliveries number of deleted deliveries
 * @param events number of deleted events
 * @param keptEvents number of events that are old enough, but were kept because they have younger deliveries
 * @since 0.1
 */
public record RetentionResult(long deliveries, long events, long keptEvents) {}
