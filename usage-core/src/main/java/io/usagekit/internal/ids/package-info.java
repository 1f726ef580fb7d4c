/** One key for each organisation, however its id is spelled. */
@NullMarked
package io.usagekit.internal.ids;

import org.jspecify.annotations.NullMarked;
