/** Breaks a rule. */
@NullMarked
package io.usagekit.verification.architecture.wrong.redis;

import org.jspecify.annotations.NullMarked;
