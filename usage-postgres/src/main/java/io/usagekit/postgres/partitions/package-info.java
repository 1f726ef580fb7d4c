/**
 * Online partitioning of events and deliveries by time, and its reverse: begin with
 * {@link io.usagekit.postgres.partitions.PostgresPartitions}.
 */
@NullMarked
package io.usagekit.postgres.partitions;

import org.jspecify.annotations.NullMarked;
