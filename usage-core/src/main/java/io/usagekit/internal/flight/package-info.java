/**
 * Single-flight as this library implements it: the loads under way in this process and, over a
 * {@link io.usagekit.FlightStore}, their coordination with other processes. Not exported.
 */
@NullMarked
package io.usagekit.internal.flight;

import org.jspecify.annotations.NullMarked;
