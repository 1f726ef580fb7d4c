/** The service over real servers: bursts, outages, virtual threads, and all of its states. */
@NullMarked
package io.usagekit.verification.system;

import org.jspecify.annotations.NullMarked;
