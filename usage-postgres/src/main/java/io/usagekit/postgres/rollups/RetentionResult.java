package io.usagekit.postgres.rollups;

/**
 * What {@link PostgresRollups#deleteBefore} did.
 *
 * @param deliveries deliveries that are gone
 * @param events events that are gone
 * @param keptEvents events that are old enough, and stay since they have deliveries that aren't
 * @since 0.1
 */
public record RetentionResult(long deliveries, long events, long keptEvents) {}
