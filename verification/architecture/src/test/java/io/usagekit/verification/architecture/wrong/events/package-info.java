/** Breaks a rule. */
@NullMarked
package io.usagekit.verification.architecture.wrong.events;

import org.jspecify.annotations.NullMarked;
