/** Times in which partitions have rows. */
@NullMarked
package io.usagekit.postgres.internal.times;

import org.jspecify.annotations.NullMarked;
