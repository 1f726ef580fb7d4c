/**
 * The rows of the mapped tables that a figure counts, page by page or all of them: begin with {@link
 * io.usagekit.postgres.rows.PostgresRows}.
 */
@NullMarked
package io.usagekit.postgres.rows;

import org.jspecify.annotations.NullMarked;
