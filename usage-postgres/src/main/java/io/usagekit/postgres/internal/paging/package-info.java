/** What statements that read pages have in common. */
@NullMarked
package io.usagekit.postgres.internal.paging;

import org.jspecify.annotations.NullMarked;
