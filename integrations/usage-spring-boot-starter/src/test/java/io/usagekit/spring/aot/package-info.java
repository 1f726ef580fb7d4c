/** A host that Spring processes ahead of time, as it does for a native image. */
@NullMarked
package io.usagekit.spring.aot;

import org.jspecify.annotations.NullMarked;
