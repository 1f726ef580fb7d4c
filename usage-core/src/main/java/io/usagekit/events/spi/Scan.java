package io.usagekit.events.spi;

import io.usagekit.events.EventOrder;
import java.util.Optional;

/**
 * What a {@link PageRead} asks for.
 *
 * @param order in which rows are to come
 * @param beyond the place that they come behind in that order; empty: from the first row on
 * @param limit the most rows that are wanted
 * @since 0.1
 */
public record Scan(EventOrder order, Optional<Position> beyond, int limit) {}
