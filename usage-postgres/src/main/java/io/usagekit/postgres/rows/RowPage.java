package io.usagekit.postgres.rows;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Some of the rows that a figure counts, in their order, and the way to their neighbours. A cursor is an opaque text, good for the same
 * figure, side (received or sent) and order and no other, in any process and for as long as one likes.
 *
 * @param rows the rows; empty only if there are none, or none are left after the cursor
 * @param next the cursor of the page after this one; empty if there is none
 * @param previous the cursor of the page before this one; empty if there is none
 * @param retained the part of the whole figure that no page has rows of
 * @since 0.1
 */
public record RowPage<T>(List<T> rows, Optional<String> next, Optional<String> previous, RetainedUsage retained) {

    /** Copies the rows. */
    public RowPage {
        rows = List.copyOf(rows);
        Objects.requireNonNull(next, "next");
        Objects.requireNonNull(previous, "previous");
        Objects.requireNonNull(retained, "retained");
    }
}
