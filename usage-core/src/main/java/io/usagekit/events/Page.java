package io.usagekit.events;

import java.util.List;
import java.util.Optional;

/**
 * Some rows in their order, and the way to their neighbours. A cursor is an opaque text, good for the same question (filter,
 * order, project or figure) and no other, in any process and for as long as one likes; it names a place between rows, whatever
 * comes or goes there.
 *
 * @param items the rows; empty only if there is nothing, or nothing is left after the cursor
 * @param next the cursor of the page behind this one; empty if there is none
 * @param previous the cursor of the page before this one; empty if there is none
 * @since 0.1
 */
public record Page<T>(List<T> items, Optional<String> next, Optional<String> previous) {

    /** Copies the rows. */
    public Page {
        items = List.copyOf(items);
    }

    /** Whether there are rows behind these. */
    public boolean hasNext() {
        return next.isPresent();
    }

    /** Whether there are rows before these. */
    public boolean hasPrevious() {
        return previous.isPresent();
    }
}
