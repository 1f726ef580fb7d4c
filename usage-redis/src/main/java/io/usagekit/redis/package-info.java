/**
 * Adapters for Redis 6 or newer over the host's Lettuce client: cache, near cache and fleet-wide single-flight. The entry class is
 * {@link io.usagekit.redis.RedisUsage}. The Lua scripts are resources of this package; {@code state.lua} describes the stored
 * values.
 */
@NullMarked
package io.usagekit.redis;

import org.jspecify.annotations.NullMarked;
