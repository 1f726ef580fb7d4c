/** Figures, leases and fences that processes share in one table; not exported. */
@NullMarked
package io.usagekit.postgres.internal.cache;

import org.jspecify.annotations.NullMarked;
