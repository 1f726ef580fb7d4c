package io.usagekit.internal.flight;

import java.time.Duration;

/**
 * Times of a fleet.
 *
 * @param lease how long a lease lasts unless it is renewed
 * @param poll how often a load that waits for another process looks, give or take a half
 * @param heartbeat how often the holder of a lease makes sure that it still holds it, at least
 */
public record Intervals(Duration lease, Duration poll, Duration heartbeat) {}
