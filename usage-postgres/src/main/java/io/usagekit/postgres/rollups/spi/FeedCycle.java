package io.usagekit.postgres.rollups.spi;

/**
 * Result of a cycle that has committed.
 *
 * @param version of what it has shipped
 * @param hours how many cells it has shipped
 * @param projects how many projects it has shipped
 * @param complete whether nothing was left to ship or to re-roll in its snapshot, so that a {@link Watermark} was published
 * @param left whether hours were left to ship, since they were more than a cycle may ship
 * @since 0.1
 */
public record FeedCycle(long version, long hours, long projects, boolean complete, boolean left) {}
