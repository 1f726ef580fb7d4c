/** Packages that break each rule of the architecture: its negative controls. */
@NullMarked
package io.usagekit.verification.architecture.wrong;

import org.jspecify.annotations.NullMarked;
