package io.usagekit.postgres.rollups;

/**
 * Result of {@link PostgresRollups#deleteBefore}.
 *
 * @param deliveries number of deleted deliveries
 * @param events number of deleted events
 * @param keptEvents number of events that are old enough, but were kept because they have younger deliveries
 * @param dependants number of rows that were deleted along from the tables that {@link PostgresRollups.Builder#deleteDependants} names,
 *     and from those whose {@code ON DELETE CASCADE} leads to them
 * @since 0.1
 */
public record RetentionResult(long deliveries, long events, long keptEvents, long dependants) {

    /** Result of a deletion without rows of other tables. */
    public RetentionResult(long deliveries, long events, long keptEvents) {
        this(deliveries, events, keptEvents, 0);
    }
}
