/**
 * Connections to Redis, for the cache, the near cache and the flight store: how they are made, replaced and guarded, and how an outage
 * is logged. Not exported.
 */
@NullMarked
package io.usagekit.redis.internal;

import org.jspecify.annotations.NullMarked;
