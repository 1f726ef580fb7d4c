/** The documentation quotes compiled code. */
@NullMarked
package io.usagekit.verification.docs;

import org.jspecify.annotations.NullMarked;
