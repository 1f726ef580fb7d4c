/** Processes under random faults for a long time, and a checker of the answers they returned. */
@NullMarked
package io.usagekit.verification.soak;

import org.jspecify.annotations.NullMarked;
