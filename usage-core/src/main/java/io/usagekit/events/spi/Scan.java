package io.usagekit.events.spi;

import io.usagekit.events.EventOrder;
import java.time.Instant;
import java.util.Optional;

/**
 * Rows that a {@link PageRead} requests.
 *
 * @param order scan direction
 * @param beyond position after which rows follow in that order; empty: from the first row on
 * @param limit maximum number of rows
 * @since 0.1
 */
public record Scan(EventOrder order, Optional<Position> beyond, int limit) {

    /** Position of a row in {@link EventOrder}. */
    public record Position(Instant createdAt, String id) {}
}
