package io.usagekit.events.spi;

import io.usagekit.UsageKey;
import io.usagekit.events.Bounds;
import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventRepository;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.PageRequest;
import io.usagekit.events.SentDelivery;
import io.usagekit.internal.CanonicalText;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToLongFunction;

/**
 * Creates pages and exports from rows, whatever the rows are stored in: checks and issues cursors. For implementations of
 * {@link EventRepository} and of pages of other rows. Immutable.
 *
 * @since 0.1
 */
public final class EventPager {

    /** Key of cursors without a secret: it detects accidents, and a cursor gives no access that a secret would protect. */
    private static final byte[] PUBLIC = "usagekit cursor".getBytes(StandardCharsets.UTF_8);

    private final Cursors cursors;

    private EventPager(Cursors cursors) {
        this.cursors = cursors;
    }

    /** Cursors under a key that stands in this library. */
    public static EventPager create() {
        return withSecret(PUBLIC);
    }

    /**
     * Cursors under a key of the host's.
     *
     * @param secret the same in all processes that share cursors; at least one octet
     */
    public static EventPager withSecret(byte[] secret) {
        return new EventPager(new Cursors(secret));
    }

    /**
     * A page of a project's events.
     *
     * @throws IllegalArgumentException if the project's id is out of bounds, or the cursor isn't one of this question's
     */
    public PageRead<Event> events(String projectId, EventFilter filter, PageRequest request) {
        CanonicalText scope = new CanonicalText();
        scope.add("events", Optional.of(Bounds.id("projectId", projectId)));
        scope.add("filter", Optional.of(filter.description()));
        return events(scope, request);
    }

    /**
     * A page of a project's deliveries.
     *
     * @throws IllegalArgumentException if the project's id is out of bounds, or the cursor isn't one of this question's
     */
    public PageRead<Delivery> deliveries(String projectId, DeliveryFilter filter, PageRequest request) {
        CanonicalText scope = new CanonicalText();
        scope.add("deliveries", Optional.of(Bounds.id("projectId", projectId)));
        scope.add("filter", Optional.of(filter.description()));
        return page(scope, request, EventPager::position, Delivery::octets);
    }

    /**
     * A page of the events that a figure counts as received.
     *
     * @throws IllegalArgumentException if the cursor isn't one of this question's
     */
    public PageRead<Event> received(UsageKey key, PageRequest request) {
        return events(scope("received", key), request);
    }

    /**
     * A page of the deliveries that a figure counts as sent.
     *
     * @throws IllegalArgumentException if the cursor isn't one of this question's
     */
    public PageRead<SentDelivery> sent(UsageKey key, PageRequest request) {
        return page(
                scope("sent", key),
                request,
                sent -> position(sent.delivery()),
                sent -> sent.delivery().octets());
    }

    /**
     * A page of rows that a figure counts, of whatever tables.
     *
     * @param kind which of its rows, e.g. {@code received-rows}; cursors of one kind aren't accepted for another
     * @param positions the position of a row
     * @throws IllegalArgumentException if the cursor isn't one of this question's
     */
    public <T> PageRead<T> rows(String kind, UsageKey key, PageRequest request, Function<T, Scan.Position> positions) {
        return page(scope(kind, key), request, positions, row -> 0);
    }

    /**
     * An export to this sink, which isn't closed.
     *
     * @throws IllegalArgumentException if the cursor isn't one of an export of the same project, instants, state, endpoints, format and
     *     compression
     */
    public ExportWriter export(ExportRequest request, OutputStream sink) {
        CanonicalText scope = new CanonicalText();
        scope.addAll("export", Optional.of(request.projectId().stream().toList()));
        scope.add("before", Optional.of(request.before().toString()));
        // What is left out by default is left out here: cursors of versions without these choices are still accepted.
        scope.add("from", request.from().map(Instant::toString));
        if (request.state() != EventFilter.State.LIVE) {
            scope.add("state", Optional.of(request.state().name()));
        }
        if (request.hasEndpoints()) {
            scope.add("endpoints", Optional.of(""));
        }
        scope.add("format", Optional.of(request.format().name()));
        scope.add("compression", Optional.of(request.compression().name()));
        return new ExportWriter(cursors, scope.toString(), request, sink);
    }

    private static CanonicalText scope(String kind, UsageKey key) {
        CanonicalText scope = new CanonicalText();
        scope.add(kind, Optional.of(key.organisationId()));
        scope.add("start", Optional.of(key.period().start().toString()));
        scope.add("end", Optional.of(key.period().end().toString()));
        return scope;
    }

    private static Scan.Position position(Delivery delivery) {
        return new Scan.Position(delivery.createdAt(), delivery.id());
    }

    private PageRead<Event> events(CanonicalText scope, PageRequest request) {
        return page(scope, request, event -> new Scan.Position(event.createdAt(), event.id()), Event::octets);
    }

    private <T> PageRead<T> page(
            CanonicalText scope, PageRequest request, Function<T, Scan.Position> positions, ToLongFunction<T> octets) {
        scope.add("order", Optional.of(request.order().name()));
        return new PageRead<>(cursors, scope.toString(), request, positions, octets);
    }
}
