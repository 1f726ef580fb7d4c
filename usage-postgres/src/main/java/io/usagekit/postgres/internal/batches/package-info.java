/** Sizes of batches that are adapted to the time that they take. */
@NullMarked
package io.usagekit.postgres.internal.batches;

import org.jspecify.annotations.NullMarked;
