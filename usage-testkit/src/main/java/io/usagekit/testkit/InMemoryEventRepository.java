package io.usagekit.testkit;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.events.Bounds;
import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.Duplicates;
import io.usagekit.events.Endpoint;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Project;
import io.usagekit.events.RecordingResult;
import io.usagekit.events.SentDelivery;
import io.usagekit.events.Source;
import io.usagekit.events.SourcedEvent;
import io.usagekit.events.spi.EventPager;
import io.usagekit.events.spi.ExportWriter;
import io.usagekit.events.spi.PageRead;
import io.usagekit.events.spi.Scan;
import io.usagekit.events.spi.UnrecordedEvents;
import io.usagekit.testkit.internal.CodePoints;
import io.usagekit.testkit.internal.DeliveryCopy;
import io.usagekit.testkit.internal.EventCopy;
import java.io.OutputStream;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Event ledger in this process's memory, for tests, with the rules of the PostgreSQL ledger. Thread-safe; unbounded.
 *
 * @since 0.1
 */
public final class InMemoryEventRepository implements EventRepository {

    private final EventPager pager = EventPager.create();
    private final Duplicates duplicates;
    private final InstantSource clock;
    private final InMemoryReferences references = new InMemoryReferences();
    private final Map<String, Event> events = new HashMap<>();
    private final InMemoryEventIndex index = new InMemoryEventIndex(references);
    private final Map<String, Delivery> deliveries = new HashMap<>();
    private final InMemoryFigures figures = new InMemoryFigures(references, events, deliveries);

    private InMemoryEventRepository(Duplicates duplicates, InstantSource clock) {
        this.duplicates = Objects.requireNonNull(duplicates, "duplicates");
        this.clock = Objects.requireNonNull(clock, "clock");
    }

    /** Returns an empty ledger that bills duplicates and uses the system's clock. */
    public static InMemoryEventRepository create() {
        return create(Duplicates.BILLED, InstantSource.system());
    }

    /** Returns an empty ledger. */
    public static InMemoryEventRepository create(Duplicates duplicates, InstantSource clock) {
        return new InMemoryEventRepository(duplicates, clock);
    }

    /** Returns the repository of this ledger's deliveries. */
    public DeliveryRepository deliveries() {
        return new InMemoryDeliveryRepository(this, deliveries, pager);
    }

    @Override
    public synchronized void save(Project project) {
        references.save(project);
    }

    @Override
    public synchronized void save(Endpoint endpoint) {
        references.save(endpoint);
    }

    @Override
    public synchronized void save(Source source) {
        references.save(source);
    }

    @Override
    public synchronized List<Event> recordAll(List<NewEvent> given) {
        Instant now = now();
        Map<String, Event> recorded = new HashMap<>();
        List<Event> inOrder = new ArrayList<>();
        for (NewEvent event : given) {
            references.requireProject("the events can't be recorded", event.projectId());
            boolean duplicate = !event.idempotencyKey().isEmpty()
                    && Stream.concat(events.values().stream(), inOrder.stream())
                            .anyMatch(earlier -> isFirst(earlier, event.projectId(), event.idempotencyKey()));
            Event row = recorded(event, duplicate, now);
            if (events.containsKey(row.id()) || recorded.put(row.id(), row) != null) {
                throw new EventLedgerException(
                        "the events can't be recorded: the id \"" + row.id() + "\" is taken", null);
            }
            inOrder.add(row);
        }
        events.putAll(recorded);
        given.forEach(event -> index.putEndpoints(event.id(), event.endpointIds()));
        return List.copyOf(inOrder);
    }

    @Override
    public synchronized RecordingResult recordNew(List<NewEvent> given) {
        Map<String, String> projectIds = new HashMap<>();
        events.values().forEach(event -> projectIds.put(event.id(), event.projectId()));
        UnrecordedEvents unrecorded = UnrecordedEvents.of(given, projectIds);
        return new RecordingResult(recordAll(unrecorded.events()), unrecorded.recordedAlready());
    }

    private Event recorded(NewEvent event, boolean duplicate, Instant now) {
        Instant createdAt = event.createdAt().orElse(now);
        return Event.of(
                event,
                duplicate,
                event.payload().octets(),
                createdAt,
                duplicate && duplicates == Duplicates.UNBILLED ? Optional.of(createdAt) : Optional.empty());
    }

    private Instant now() {
        return clock.instant().truncatedTo(ChronoUnit.MICROS);
    }

    private static boolean isFirst(Event event, String projectId, String idempotencyKey) {
        return event.projectId().equals(projectId)
                && event.idempotencyKey().equals(idempotencyKey)
                && !event.duplicate()
                && event.deletedAt().isEmpty();
    }

    @Override
    public synchronized List<Delivery> recordDeliveries(List<NewDelivery> given) {
        Instant now = now();
        Map<String, Delivery> recorded = new HashMap<>();
        List<Delivery> inOrder = new ArrayList<>();
        for (NewDelivery delivery : given) {
            if (find(delivery.projectId(), delivery.eventId()).isEmpty()) {
                throw new EventLedgerException(
                        "the deliveries can't be recorded: there is no event \"" + delivery.eventId()
                                + "\" in the project \"" + delivery.projectId() + '"',
                        null);
            }
            Delivery row = Delivery.of(delivery, now);
            if (deliveries.containsKey(row.id()) || recorded.put(row.id(), row) != null) {
                throw new EventLedgerException(
                        "the deliveries can't be recorded: the id \"" + row.id() + "\" is taken", null);
            }
            inOrder.add(row);
        }
        deliveries.putAll(recorded);
        return List.copyOf(inOrder);
    }

    @Override
    public synchronized List<Event> findAll(String projectId, Collection<String> eventIds) {
        Bounds.id("projectId", projectId);
        return Bounds.ids("eventIds", eventIds).stream()
                .map(events::get)
                .filter(Objects::nonNull)
                .filter(event -> event.projectId().equals(projectId))
                .toList();
    }

    @Override
    public synchronized Optional<SourcedEvent> findWithSource(String projectId, String eventId) {
        return find(projectId, eventId)
                .map(event -> new SourcedEvent(
                        event,
                        references
                                .source(event.sourceId())
                                .filter(source -> source.projectId().equals(projectId))));
    }

    @Override
    public synchronized Optional<Event> findFirst(String projectId, String idempotencyKey) {
        Bounds.id("projectId", projectId);
        Bounds.id("idempotencyKey", idempotencyKey);
        return events.values().stream()
                .filter(event -> isFirst(event, projectId, idempotencyKey))
                .findFirst();
    }

    @Override
    public boolean isRecorded(String projectId, String idempotencyKey) {
        return findFirst(projectId, idempotencyKey).isPresent();
    }

    @Override
    public synchronized List<String> endpointIds(String projectId, String eventId) {
        return find(projectId, eventId)
                .map(event -> index.endpointIds(event).stream()
                        .sorted(CodePoints.ORDER)
                        .toList())
                .orElse(List.of());
    }

    @Override
    public synchronized Optional<Delivery> findDelivery(String projectId, String deliveryId) {
        Bounds.id("projectId", projectId);
        Bounds.id("deliveryId", deliveryId);
        return Optional.ofNullable(deliveries.get(deliveryId))
                .filter(delivery -> delivery.projectId().equals(projectId));
    }

    @Override
    public synchronized boolean updateEndpoints(String projectId, String eventId, Collection<String> endpointIds) {
        Set<String> replacement = Collections.unmodifiableSet(Bounds.ids("endpointIds", endpointIds));
        Optional<Event> event = find(projectId, eventId);
        event.ifPresent(present -> {
            index.putEndpoints(present.id(), replacement);
            update(EventCopy.of(present), now());
        });
        return event.isPresent();
    }

    @Override
    public synchronized boolean updateStatus(String projectId, String eventId, String status) {
        Bounds.word("status", status);
        Optional<Event> event = find(projectId, eventId);
        event.ifPresent(present -> update(EventCopy.of(present).status(status), now()));
        return event.isPresent();
    }

    private void update(EventCopy event, Instant now) {
        Event updated = event.updatedAt(Optional.of(now)).build();
        events.put(updated.id(), updated);
    }

    @Override
    public synchronized boolean updateDeliveryStatus(String projectId, String deliveryId, String status) {
        String reason = findDelivery(projectId, deliveryId)
                .map(Delivery::failureReason)
                .filter(kept -> !status.equals(Delivery.SUCCESS))
                .orElse("");
        return updateDeliveryStatus(projectId, deliveryId, status, reason);
    }

    @Override
    public synchronized boolean updateDeliveryStatus(
            String projectId, String deliveryId, String status, String failureReason) {
        Bounds.word("status", status);
        Bounds.text("failureReason", failureReason);
        Optional<Delivery> delivery = findDelivery(projectId, deliveryId);
        delivery.ifPresent(
                d -> deliveries.put(d.id(), DeliveryCopy.withStatus(d, status, failureReason, Optional.of(now()))));
        return delivery.isPresent();
    }

    @Override
    public synchronized long count(String projectId, EventFilter filter) {
        Bounds.id("projectId", projectId);
        return matching(projectId, filter).count();
    }

    @Override
    public Page<Event> page(String projectId, EventFilter filter, PageRequest request) {
        PageRead<Event> page = pager.events(projectId, filter, request);
        synchronized (this) {
            return page.read(scan ->
                    scan(matching(projectId, filter), event -> new Scan.Position(event.createdAt(), event.id()), scan));
        }
    }

    @Override
    public Page<Event> received(UsageKey key, PageRequest request) {
        PageRead<Event> page = pager.received(key, request);
        synchronized (this) {
            return page.read(scan ->
                    scan(figures.receivedBy(key), event -> new Scan.Position(event.createdAt(), event.id()), scan));
        }
    }

    @Override
    public Page<SentDelivery> sent(UsageKey key, PageRequest request) {
        PageRead<SentDelivery> page = pager.sent(key, request);
        synchronized (this) {
            return page.read(scan -> scan(
                    figures.sentBy(key),
                    sent -> new Scan.Position(
                            sent.delivery().createdAt(), sent.delivery().id()),
                    scan));
        }
    }

    /** Returns a calculator of this ledger's figures, with this ledger's clock. */
    public UsageCalculator calculator() {
        return (key, timeout) -> {
            Instant now = clock.instant();
            synchronized (this) {
                return figures.of(key, now);
            }
        };
    }

    static <T> List<T> scan(Stream<T> rows, Function<T, Scan.Position> positions, Scan scan) {
        Comparator<Scan.Position> order =
                scan.order() == EventOrder.ASCENDING ? Comparator.naturalOrder() : Comparator.reverseOrder();
        return rows.filter(row -> scan.beyond()
                        .map(cursor -> order.compare(positions.apply(row), cursor) > 0)
                        .orElse(true))
                .sorted(Comparator.comparing(positions, order))
                .limit(scan.limit())
                .toList();
    }

    private Stream<Event> matching(String projectId, EventFilter filter) {
        return events.values().stream()
                .filter(event -> event.projectId().equals(projectId))
                .filter(event -> index.matches(event, filter));
    }

    @Override
    public synchronized long tokenise(String projectId, EventWindow window) {
        Bounds.id("projectId", projectId);
        List<Event> missing = matching(
                        projectId, EventFilter.builder().window(window).build())
                .filter(event -> !index.isTokenised(event))
                .toList();
        missing.forEach(index::tokenise);
        return missing.size();
    }

    @Override
    public synchronized long deleteTokens(String projectId, EventWindow window) {
        Bounds.id("projectId", projectId);
        List<Event> found = within(projectId, window).filter(index::isTokenised).toList();
        found.forEach(index::removeTokens);
        return found.size();
    }

    @Override
    public synchronized long delete(String projectId, EventWindow window) {
        Bounds.id("projectId", projectId);
        List<Event> live = matching(
                        projectId, EventFilter.builder().window(window).build())
                .toList();
        Instant now = now();
        live.forEach(event -> update(EventCopy.of(event).deletedAt(Optional.of(now)), now));
        return live.size();
    }

    @Override
    public synchronized long deleteForGood(String projectId, EventWindow window) {
        Bounds.id("projectId", projectId);
        Set<String> delivered =
                deliveries.values().stream().map(Delivery::eventId).collect(Collectors.toSet());
        List<Event> undelivered = within(projectId, window)
                .filter(event -> !delivered.contains(event.id()))
                .toList();
        undelivered.forEach(event -> {
            events.remove(event.id());
            index.remove(event);
        });
        return undelivered.size();
    }

    @Override
    public ExportResult export(ExportRequest request, OutputStream sink) {
        ExportWriter writer = pager.export(request, sink);
        snapshot(request, writer.beyond()).forEach(writer::write);
        return writer.end();
    }

    /** Events with their endpoints, in order. */
    private synchronized Map<Event, List<String>> snapshot(ExportRequest request, Optional<ExportWriter.Place> after) {
        Map<Event, List<String>> snapshot = new LinkedHashMap<>();
        Stream<String> projectIds = request.projectId().stream();
        if (request.projectId().isEmpty()) {
            projectIds =
                    events.values().stream().map(Event::projectId).distinct().sorted(CodePoints.ORDER);
        }
        projectIds
                .filter(id -> after.isEmpty()
                        || CodePoints.ORDER.compare(id, after.get().projectId()) >= 0)
                .flatMap(id -> scan(
                        matching(id, request.filter()),
                        event -> new Scan.Position(event.createdAt(), event.id()),
                        new Scan(
                                EventOrder.ASCENDING,
                                after.filter(place -> place.projectId().equals(id))
                                        .map(ExportWriter.Place::position),
                                Integer.MAX_VALUE))
                        .stream())
                .forEach(event -> snapshot.put(event, endpointIds(event.projectId(), event.id())));
        return snapshot;
    }

    private Stream<Event> within(String projectId, EventWindow window) {
        return matching(
                projectId,
                EventFilter.builder()
                        .window(window)
                        .state(EventFilter.State.ANY)
                        .build());
    }
}
