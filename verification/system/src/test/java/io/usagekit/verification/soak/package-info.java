/** Processes under random faults for a long time, and a checker of what they were told. */
@NullMarked
package io.usagekit.verification.soak;

import org.jspecify.annotations.NullMarked;
