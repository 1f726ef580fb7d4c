/**
 * Hourly roll-ups of events and deliveries, exact in every snapshot, and retention that keeps what deleted rows counted: begin
 * with {@link io.usagekit.postgres.rollups.PostgresRollups}.
 */
@NullMarked
package io.usagekit.postgres.rollups;

import org.jspecify.annotations.NullMarked;
