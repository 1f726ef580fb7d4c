package io.usagekit.testkit.contract.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.events.Delivery;
import io.usagekit.events.Endpoint;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Source;
import io.usagekit.events.SourcedEvent;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Cases of finding, updating and counting, and of what each filter matches. */
abstract class EventLookupCases extends EventRepositoryFixture {

    EventLookupCases(EventRepositoryContract contract) {
        super(contract);
    }

    // Find

    @Test
    final void findsNothingMissingOrOfAnotherProject() {
        recorded(event("e").idempotencyKey("key").endpointIds(List.of("endpoint")));
        for (String project : List.of(SIBLING, UNRELATED, "nowhere")) {
            assertEquals(Optional.empty(), ledger.find(project, "e"));
            assertEquals(List.of(), ledger.findAll(project, List.of("e")));
            assertEquals(Optional.empty(), ledger.findWithSource(project, "e"));
            assertEquals(Optional.empty(), ledger.findFirst(project, "key"));
            assertFalse(ledger.isRecorded(project, "key"));
            assertEquals(List.of(), ledger.endpointIds(project, "e"));
            assertEquals(0, ledger.countMessages(project));
        }
        assertEquals(Optional.empty(), ledger.find(P, "E"));
        assertEquals(Optional.empty(), ledger.findWithSource(P, "nothing"));
        assertEquals(Optional.empty(), ledger.findFirst(P, "other"));
        assertFalse(ledger.isRecorded(P, "other"));
        assertTrue(ledger.isRecorded(P, "key"));
    }

    @Test
    final void findsAllInRequestedOrderWithoutRepeats() {
        ledger.recordAll(
                List.of(event("a").build(), event("b").build(), event("c").build()));
        List<String> found = ledger.findAll(P, List.of("c", "missing", "a", "c")).stream()
                .map(Event::id)
                .toList();
        assertEquals(List.of("c", "a"), found);
        assertEquals(List.of(), ledger.findAll(P, List.of()));
        List<String> many = IntStream.range(0, 40_000).mapToObj(n -> "n" + n).toList();
        assertEquals(List.of(), ledger.findAll(P, many));
    }

    @Test
    final void findsEventWithItsSourceWhenSaved() {
        Source source = new Source("source-1", P, "shop", "http");
        ledger.save(new Source("source-1", P, "before", "before"));
        ledger.save(source);
        ledger.save(new Source("source-2", SIBLING, "another project's", "http"));
        Event from = recorded(event("e1").sourceId("source-1"));
        Event fromElsewhere = recorded(event("e2").sourceId("source-2"));
        Event fromUnsaved = recorded(event("e3").sourceId("source-3"));
        Event fromNone = recorded(event("e4"));
        assertEquals(Optional.of(new SourcedEvent(from, Optional.of(source))), ledger.findWithSource(P, "e1"));
        for (Event event : List.of(fromElsewhere, fromUnsaved, fromNone)) {
            assertEquals(Optional.of(new SourcedEvent(event, Optional.empty())), ledger.findWithSource(P, event.id()));
        }
    }

    // Update

    @Test
    final void replacesEndpoints() {
        recorded(event("e").endpointIds(List.of("a", "b")));
        recorded(event("other").endpointIds(List.of("a", "b")));
        assertTrue(ledger.updateEndpoints(P, "e", List.of("c", "b", "c")));
        assertEquals(List.of("b", "c"), ledger.endpointIds(P, "e"));
        assertEquals(1, ledger.count(P, endpoints("c")));
        assertEquals(1, ledger.count(P, endpoints("a")));
        assertTrue(ledger.updateEndpoints(P, "e", List.of()));
        assertEquals(List.of(), ledger.endpointIds(P, "e"));
        assertEquals(List.of("a", "b"), ledger.endpointIds(P, "other"));
        assertFalse(ledger.updateEndpoints(SIBLING, "other", List.of()));
        assertFalse(ledger.updateEndpoints(P, "missing", List.of("a")));
        assertEquals(List.of("a", "b"), ledger.endpointIds(P, "other"));
    }

    private static EventFilter endpoints(String... ids) {
        return EventFilter.builder().endpointIds(List.of(ids)).build();
    }

    @Test
    final void replacesStatuses() {
        recorded(event("e").status("Processing"));
        delivered("d", "e", "Scheduled");
        assertTrue(ledger.updateStatus(P, "e", "Done"));
        assertTrue(ledger.updateDeliveryStatus(P, "d", Delivery.SUCCESS));
        assertEquals("Done", ledger.find(P, "e").orElseThrow().status());
        assertEquals(Delivery.SUCCESS, ledger.findDelivery(P, "d").orElseThrow().status());
        assertFalse(ledger.updateStatus(SIBLING, "e", "Lost"));
        assertFalse(ledger.updateStatus(P, "missing", "Lost"));
        assertFalse(ledger.updateDeliveryStatus(SIBLING, "d", "Lost"));
        assertFalse(ledger.updateDeliveryStatus(P, "missing", "Lost"));
        assertEquals("Done", ledger.find(P, "e").orElseThrow().status());
        assertEquals(Delivery.SUCCESS, ledger.findDelivery(P, "d").orElseThrow().status());
    }

    // Count and filters

    @Test
    final void countsHalfOpenWindowToTheMicrosecond() {
        for (int micros = 0; micros < 4; micros++) {
            recorded(event("e" + micros).createdAt(NOW.plusNanos(micros * 1_000L)));
        }
        assertEquals(2, count(EventWindow.between(NOW.plusNanos(1_000), NOW.plusNanos(3_000))));
        assertEquals(2, count(EventWindow.between(NOW.plusNanos(1_999), NOW.plusNanos(3_999))));
        assertEquals(3, count(EventWindow.since(NOW.plusNanos(1_000))));
        assertEquals(3, count(EventWindow.before(NOW.plusNanos(3_000))));
        assertEquals(4, count(EventWindow.ALL));
    }

    private long count(EventWindow window) {
        return ledger.count(P, EventFilter.builder().window(window).build());
    }

    @Test
    final void matchesEmptyFilterToEmptyFieldAndAbsentFilterToAll() {
        ledger.save(new Endpoint("owned", P, "owner", ""));
        ledger.save(new Endpoint("unowned", P, "", ""));
        recorded(event("bare").endpointIds(List.of("unowned")));
        recorded(event("full")
                .type("t")
                .status("s")
                .sourceId("src")
                .idempotencyKey("k")
                .headers(Map.of(Event.BROKER_MESSAGE_ID, "m"))
                .endpointIds(List.of("owned")));
        recorded(event("nowhere")
                .type("t")
                .status("s")
                .sourceId("src")
                .idempotencyKey("k2")
                .headers(Map.of(Event.BROKER_MESSAGE_ID, "m2")));
        recorded(NewEvent.builder(SIBLING, "sibling"));

        assertEquals(3, ledger.count(P, EventFilter.ALL));
        assertMet(1, 2, EventFilter.builder().type(""), EventFilter.builder().type("t"));
        assertMet(1, 2, EventFilter.builder().status(""), EventFilter.builder().status("s"));
        assertMet(
                1,
                2,
                EventFilter.builder().sourceIds(List.of("")),
                EventFilter.builder().sourceIds(List.of("src", "x")));
        assertMet(
                1,
                1,
                EventFilter.builder().idempotencyKey(""),
                EventFilter.builder().idempotencyKey("k"));
        assertMet(
                1,
                1,
                EventFilter.builder().brokerMessageId(""),
                EventFilter.builder().brokerMessageId("m"));
        assertMet(1, 1, EventFilter.builder().ownerId(""), EventFilter.builder().ownerId("owner"));
        assertMet(
                2,
                1,
                EventFilter.builder().endpointIds(List.of("owned", "unowned")),
                EventFilter.builder().endpointIds(List.of("owned")));
        assertMet(
                0,
                0,
                EventFilter.builder().endpointIds(List.of()),
                EventFilter.builder().sourceIds(List.of()));
        assertMet(
                3,
                2,
                EventFilter.builder().sourceIds(List.of("", "src")),
                EventFilter.builder().sourceIds(List.of("src")));
    }

    private void assertMet(long empty, long full, EventFilter.Builder ofEmpty, EventFilter.Builder ofFull) {
        assertEquals(empty, ledger.count(P, ofEmpty.build()), () -> "met " + ofEmpty.build());
        assertEquals(full, ledger.count(P, ofFull.build()), () -> "met " + ofFull.build());
    }

    @Test
    final void matchesOwnerByEndpointsOfTheProject() {
        ledger.save(new Endpoint("here", P, "owner", ""));
        ledger.save(new Endpoint("there", SIBLING, "owner", ""));
        recorded(event("e1").endpointIds(List.of("here", "unknown")));
        recorded(event("e2").endpointIds(List.of("there")));
        EventFilter owned = EventFilter.builder().ownerId("owner").build();
        assertEquals(1, ledger.count(P, owned));
        ledger.save(new Endpoint("here", P, "another", ""));
        assertEquals(0, ledger.count(P, owned));
    }

    @Test
    final void requiresOneEndpointToMeetBothConditionsOfEndpoints() {
        ledger.save(new Endpoint("owned", P, "owner", ""));
        ledger.save(new Endpoint("unowned", P, "", ""));
        recorded(event("e1").endpointIds(List.of("owned", "unowned")));
        recorded(event("e2").endpointIds(List.of("owned")));
        assertEquals(List.of("e1", "e2"), paged(List.of("owned", "unowned", "unknown"), "owner"));
        assertEquals(List.of("e1"), paged(List.of("unowned"), ""));
        assertEquals(List.of(), paged(List.of("unowned", "unknown"), "owner"));
    }

    private List<String> paged(List<String> endpointIds, String ownerId) {
        EventFilter filter =
                EventFilter.builder().endpointIds(endpointIds).ownerId(ownerId).build();
        List<Event> events = ledger.page(P, filter, PageRequest.first(10, EventOrder.ASCENDING))
                .items();
        assertEquals(events.size(), ledger.count(P, filter));
        return events.stream().map(Event::id).toList();
    }

    @Test
    final void requiresEveryFilter() {
        recorded(event("e1").type("t").status("s"));
        recorded(event("e2").type("t"));
        recorded(event("e3").status("s"));
        assertEquals(
                1, ledger.count(P, EventFilter.builder().type("t").status("s").build()));
    }
}
