package io.usagekit.cli.support;

import io.usagekit.events.EventOrder;
import io.usagekit.events.PageRequest;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which page. */
public final class PageOptions {

    /** Which rows come first. */
    enum Order {
        ASC,
        DESC;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @Option(
            names = "--size",
            paramLabel = "N",
            description = "How many at most, 1 to " + PageRequest.MAX_SIZE + "; ${DEFAULT-VALUE} by default.")
    private int size = 20;

    @Option(
            names = "--order",
            paramLabel = "ORDER",
            description = "By time: one of ${COMPLETION-CANDIDATES}; ${DEFAULT-VALUE} by default.")
    private Order order = Order.DESC;

    @Option(names = "--cursor", paramLabel = "CURSOR", description = "Of a page that was printed with this one's.")
    private @Nullable String cursor;

    /**
     * Returns the page.
     *
     * @throws IllegalArgumentException if its size is out of bounds
     */
    public PageRequest request() {
        PageRequest first = PageRequest.first(size, order == Order.ASC ? EventOrder.ASCENDING : EventOrder.DESCENDING);
        return cursor == null ? first : first.at(cursor);
    }

    /** Prints the cursors of the pages next to one. */
    public static void print(PrintWriter out, Optional<String> previous, Optional<String> next) {
        previous.ifPresent(before -> out.println("previous  " + before));
        next.ifPresent(after -> out.println("next      " + after));
    }
}
