/** Checks of what GraalVM's native image needs to know of the library, without GraalVM. */
@NullMarked
package io.usagekit.verification.nativeimage;

import org.jspecify.annotations.NullMarked;
