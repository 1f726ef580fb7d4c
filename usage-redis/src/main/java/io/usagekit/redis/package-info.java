/**
 * The usage cache on Redis 6 or newer: begin with {@link io.usagekit.redis.RedisUsage}. The scripts stand in resource files
 * beside the classes.
 */
@NullMarked
package io.usagekit.redis;

import org.jspecify.annotations.NullMarked;
