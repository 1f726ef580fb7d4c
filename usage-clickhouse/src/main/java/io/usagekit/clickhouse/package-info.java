/**
 * Adapter for ClickHouse over the host's {@link javax.sql.DataSource}: the sums of roll-ups on a cluster, and figures that are computed with
 * them. The entry class is {@link io.usagekit.clickhouse.ClickHouseUsage}. The statements are resources of this package; {@code schema.sql}
 * describes the tables.
 */
@NullMarked
package io.usagekit.clickhouse;

import org.jspecify.annotations.NullMarked;
