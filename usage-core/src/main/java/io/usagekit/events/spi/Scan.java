package io.usagekit.events.spi;

import io.usagekit.events.EventOrder;
import java.time.Instant;
import java.util.Arrays;
import java.util.Comparator;
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

    /** Position of a row; compared as {@link EventOrder#ASCENDING} says. */
    public record Position(Instant createdAt, String id) implements Comparable<Position> {

        private static final Comparator<Position> ORDER = Comparator.comparing(Position::createdAt)
                .thenComparing(position -> position.id().codePoints().toArray(), Arrays::compare);

        @Override
        public int compareTo(Position other) {
            return ORDER.compare(this, other);
        }
    }
}
