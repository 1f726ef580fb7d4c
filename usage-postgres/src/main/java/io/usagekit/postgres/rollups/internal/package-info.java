/** The feed of another store with the roll-ups' sums, and figures that are computed with what the store has. */
@NullMarked
package io.usagekit.postgres.rollups.internal;

import org.jspecify.annotations.NullMarked;
