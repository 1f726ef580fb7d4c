/**
 * Adapters and tools for tests of hosts and adapters: in-memory implementations of the ports, {@link
 * io.usagekit.testkit.ManualClock}, {@link io.usagekit.testkit.UsageAssertions} for AssertJ, and {@link io.usagekit.testkit.FaultyProxy}, a TCP
 * proxy that fails on demand.
 */
@NullMarked
package io.usagekit.testkit;

import org.jspecify.annotations.NullMarked;
