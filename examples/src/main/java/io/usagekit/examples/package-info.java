/** One small program per feature, to read and to copy from. */
@NullMarked
package io.usagekit.examples;

import org.jspecify.annotations.NullMarked;
