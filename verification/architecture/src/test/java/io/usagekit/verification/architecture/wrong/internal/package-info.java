/** Breaks a rule. */
@NullMarked
package io.usagekit.verification.architecture.wrong.internal;

import org.jspecify.annotations.NullMarked;
