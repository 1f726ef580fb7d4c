/** How columns write the ids of organisations: pure functions of a column's type. */
@NullMarked
package io.usagekit.postgres.internal.ids;

import org.jspecify.annotations.NullMarked;
