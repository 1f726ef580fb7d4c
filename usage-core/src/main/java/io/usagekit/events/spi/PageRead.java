package io.usagekit.events.spi;

import io.usagekit.events.EventOrder;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToLongFunction;

/**
 * Request for one page whose cursor has been checked.
 *
 * @since 0.1
 */
public final class PageRead<T> {

    /**
     * The rows of a question, whatever they are stored in.
     *
     * @param <X> what may be thrown
     */
    @FunctionalInterface
    public interface Rows<T, X extends Exception> {
        /**
         * The first rows of this scan; fewer if those of them already have {@link PageRequest#MAX_OCTETS}. Called at most three times for a
         * page, and must see the same rows each time.
         */
        List<T> read(Scan scan) throws X;
    }

    private final Cursors cursors;
    private final String scope;
    private final PageRequest request;
    private final Function<T, Scan.Position> positions;
    private final ToLongFunction<T> octets;
    private final Cursors.Move move;
    private final Optional<Scan.Position> from;

    PageRead(
            Cursors cursors,
            String scope,
            PageRequest request,
            Function<T, Scan.Position> positions,
            ToLongFunction<T> octets) {
        this.cursors = cursors;
        this.scope = scope;
        this.request = request;
        this.positions = positions;
        this.octets = octets;
        Optional<Cursors.Place> place = request.cursor().map(cursor -> cursors.decode(cursor, scope));
        move = place.map(Cursors.Place::move).orElse(Cursors.Move.FORWARD);
        from = place.map(Cursors.Place::position);
    }

    /**
     * Reads the page: one row more than fits shows whether rows follow, one in the other direction whether rows precede. A page that is full
     * of octets may be all that was read: then a row after it shows whether rows follow.
     */
    public <X extends Exception> Page<T> read(Rows<T, X> rows) throws X {
        EventOrder order =
                move == Cursors.Move.FORWARD ? request.order() : request.order().reversed();
        List<T> found = rows.read(new Scan(order, from, request.size() + 1));
        if (found.isEmpty()) {
            return new Page<>(List.of(), Optional.empty(), Optional.empty());
        }
        List<T> items = new ArrayList<>();
        long sum = 0;
        while (items.size() < Math.min(found.size(), request.size()) && sum < PageRequest.MAX_OCTETS) {
            T item = found.get(items.size());
            items.add(item);
            sum += octets.applyAsLong(item);
        }
        boolean goesOn = found.size() > items.size()
                || (sum >= PageRequest.MAX_OCTETS && follows(rows, order, items.get(items.size() - 1)));
        boolean cameFrom = from.isPresent() && follows(rows, order.reversed(), items.get(0));
        if (move == Cursors.Move.BACKWARD) {
            Collections.reverse(items);
            return page(items, cameFrom, goesOn);
        }
        return page(items, goesOn, cameFrom);
    }

    private <X extends Exception> boolean follows(Rows<T, X> rows, EventOrder order, T item) throws X {
        return !rows.read(new Scan(order, Optional.of(positions.apply(item)), 1))
                .isEmpty();
    }

    private Page<T> page(List<T> items, boolean hasNext, boolean hasPrevious) {
        Optional<String> next = cursor(hasNext, Cursors.Move.FORWARD, items.get(items.size() - 1));
        return new Page<>(items, next, cursor(hasPrevious, Cursors.Move.BACKWARD, items.get(0)));
    }

    private Optional<String> cursor(boolean isThere, Cursors.Move direction, T item) {
        return isThere
                ? Optional.of(cursors.encode(scope, new Cursors.Place(direction, positions.apply(item))))
                : Optional.empty();
    }
}
