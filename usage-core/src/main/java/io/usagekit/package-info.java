/**
 * How much an organisation has used in a period: {@link io.usagekit.UsageService} answers, a
 * {@link io.usagekit.UsageCalculator} computes, a {@link io.usagekit.UsageCache} remembers, a
 * {@link io.usagekit.SingleFlight} makes concurrent computations of one figure run once. The last three are ports: adapters
 * implement them, and so may a host's unit test.
 */
@NullMarked
package io.usagekit;

import org.jspecify.annotations.NullMarked;
