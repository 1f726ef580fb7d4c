/**
 * Meters and observations for the host's Micrometer registry: {@link io.usagekit.micrometer.UsageMeters} of a service, {@link
 * io.usagekit.micrometer.RollupMeters} of roll-ups, their workers, retention and verification, {@link
 * io.usagekit.micrometer.PartitionMeters} of partitions, {@link io.usagekit.micrometer.FeedMeters} of what is shipped to ClickHouse and read there,
 * and {@link io.usagekit.micrometer.ObservedCalculator} with a span around each computation.
 *
 * <p>All meters are registered at once, with all values that their tags have: none has the id of an organisation, a project, a table or an
 * error's text. Names are {@code usagekit.*}, times are in seconds.
 */
@NullMarked
package io.usagekit.micrometer;

import org.jspecify.annotations.NullMarked;
