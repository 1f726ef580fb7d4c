/** Breaks a rule. */
@NullMarked
package io.usagekit.verification.architecture.wrong.rollups;

import org.jspecify.annotations.NullMarked;
