/** Breaks a rule. */
@NullMarked
package io.usagekit.verification.architecture.wrong.rows;

import org.jspecify.annotations.NullMarked;
