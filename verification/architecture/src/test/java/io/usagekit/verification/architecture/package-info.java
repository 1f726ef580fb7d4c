/** Rules on the dependencies between modules and between packages. */
@NullMarked
package io.usagekit.verification.architecture;

import org.jspecify.annotations.NullMarked;
