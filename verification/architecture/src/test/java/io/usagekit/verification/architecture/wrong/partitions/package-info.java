/** Breaks a rule. */
@NullMarked
package io.usagekit.verification.architecture.wrong.partitions;

import org.jspecify.annotations.NullMarked;
