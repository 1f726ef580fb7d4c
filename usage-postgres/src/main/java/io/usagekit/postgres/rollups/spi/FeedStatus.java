package io.usagekit.postgres.rollups.spi;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * State of a feed.
 *
 * @param intact whether the feed's triggers are those that were installed, on the roll-ups' tables of today; if not, {@link RollupFeed#install}
 *     is to be called, and until then figures are read from roll-ups alone
 * @param published the version of the last cycle that has committed; 0 if there is none
 * @param publishedAt when that was, by the database's clock; empty if there is none
 * @param hoursToShip how many hours of projects are to be shipped
 * @param oldestToShip since when the first of them has been waiting, by the database's clock; empty if there are none
 * @param lag from {@code oldestToShip} to the time of the call, by the database's clock; zero if nothing is to be shipped
 * @param shippedDays about how many days of projects the manifest has, by the database's statistics; 0 before there are any
 * @since 0.1
 */
public record FeedStatus(
        boolean intact,
        long published,
        Optional<Instant> publishedAt,
        long hoursToShip,
        Optional<Instant> oldestToShip,
        Duration lag,
        long shippedDays) {}
