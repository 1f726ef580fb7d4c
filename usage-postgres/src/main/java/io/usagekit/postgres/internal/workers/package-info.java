/** What workers share: runs one at a time, on a schedule or not, and the library's own threads. */
@NullMarked
package io.usagekit.postgres.internal.workers;

import org.jspecify.annotations.NullMarked;
