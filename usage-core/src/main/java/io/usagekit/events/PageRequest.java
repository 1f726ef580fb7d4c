package io.usagekit.events;

import io.usagekit.internal.Arguments;
import java.util.Objects;
import java.util.Optional;

/**
 * Which page.
 *
 * @param size the most rows on it, 1 to {@value #MAX_SIZE}; may differ from page to page. A page of events or deliveries has fewer where these have
 *     {@value #MAX_OCTETS} octets before
 * @param order of the rows, whichever way one goes through them
 * @param cursor of a page next to it; empty: the first page
 * @since 0.1
 */
public record PageRequest(int size, EventOrder order, Optional<String> cursor) {

    /** The most rows that a page may have. */
    public static final int MAX_SIZE = 1_000;

    /**
     * The octets of payloads and all texts with which a page of events or deliveries ends; the one that reaches them is its last one, however
     * large.
     */
    public static final long MAX_OCTETS = 8L << 20;

    /**
     * @throws IllegalArgumentException if {@code size} is out of bounds
     */
    public PageRequest {
        Arguments.between("size", size, 1, MAX_SIZE);
        Objects.requireNonNull(order, "order");
        Objects.requireNonNull(cursor, "cursor");
    }

    /** The first page. */
    public static PageRequest first(int size, EventOrder order) {
        return new PageRequest(size, order, Optional.empty());
    }

    /** The page that this cursor leads to. */
    public PageRequest at(String cursor) {
        return new PageRequest(size, order, Optional.of(cursor));
    }
}
