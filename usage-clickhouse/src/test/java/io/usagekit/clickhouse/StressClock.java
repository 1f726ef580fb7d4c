package io.usagekit.clickhouse;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;

/**
 * A clock that runs fast, equal in all processes: hours end all the time.
 *
 * @param startedMillis when it showed {@link #BEGIN}, by the system's clock
 */
record StressClock(long startedMillis) implements InstantSource {

    static final Instant BEGIN = Instant.parse("2026-03-10T00:00:00Z");

    /** A day takes 20 s. */
    private static final long SPEED = Duration.ofDays(1).toSeconds() / 20;

    @Override
    public Instant instant() {
        return BEGIN.plusMillis((System.currentTimeMillis() - startedMillis) * SPEED);
    }
}
