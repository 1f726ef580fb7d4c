/** The response of a usage endpoint, as an ordered map and as JSON text. */
@NullMarked
package io.usagekit.format;

import org.jspecify.annotations.NullMarked;
