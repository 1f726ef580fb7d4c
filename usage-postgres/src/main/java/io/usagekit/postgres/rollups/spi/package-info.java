/**
 * What another store of the roll-ups' sums needs: {@link io.usagekit.postgres.rollups.spi.RollupFeed}, which roll-ups implement, ships cells to
 * a {@link io.usagekit.postgres.rollups.spi.CellStore} and computes figures with what a {@link io.usagekit.postgres.rollups.spi.CellReader}
 * finds there. Applications don't need it.
 */
@NullMarked
package io.usagekit.postgres.rollups.spi;

import org.jspecify.annotations.NullMarked;
