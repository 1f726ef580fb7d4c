/** Breaks a rule. */
@NullMarked
package io.usagekit.verification.architecture.wrong.reflection;

import org.jspecify.annotations.NullMarked;
