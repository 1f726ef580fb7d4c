package io.usagekit.testkit.contract.events;

import static io.usagekit.testkit.internal.ContractAssertions.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.testkit.internal.CodePoints;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Cases of pages and their cursors. */
abstract class EventPagingCases extends EventRepositoryFixture {

    private static final List<String> IDS = List.of("a", "B", "é", "_", "10", "9", "😀", "\uffee", "e-1", "e1");

    EventPagingCases(EventRepositoryContract contract) {
        super(contract);
    }

    /**
     * Records events in random order, several at the same instant, with ids that languages, code units and code points sort
     * differently. Returns the ids in ascending order.
     */
    private List<String> recordOddlyOrdered() {
        List<NewEvent> events = new ArrayList<>();
        for (int n = 0; n < IDS.size(); n++) {
            Instant at = NOW.plusNanos(n % 3 * 1_000L);
            events.add(event(IDS.get(n))
                    .createdAt(at)
                    .type(n % 2 == 0 ? "even" : "odd")
                    .build());
        }
        Collections.shuffle(events);
        ledger.recordAll(events);
        ledger.record(NewEvent.builder(SIBLING, "sibling").createdAt(NOW).build());
        return events.stream()
                .sorted(Comparator.comparing(
                                (NewEvent event) -> event.createdAt().orElseThrow())
                        .thenComparing(NewEvent::id, CodePoints.ORDER))
                .map(NewEvent::id)
                .toList();
    }

    private static List<String> ids(Page<Event> page) {
        return page.items().stream().map(Event::id).toList();
    }

    private Page<Event> page(PageRequest request) {
        return ledger.page(P, EventFilter.ALL, request);
    }

    @Test
    final void endsPageWithTheEventThatReachesTheOctetsOfPage() {
        int most = (int) PageRequest.MAX_OCTETS;
        int third = most / 3 - 100; // with the event's other texts
        int[] sizes = {third, third, third, third, most + 1, 0, 2 * third, most - 2 * third};
        for (int n = 0; n < sizes.length; n++) {
            recorded(event("e" + n).createdAt(NOW.plusSeconds(n)).payload(Payload.of(new byte[sizes[n]])));
        }
        for (EventOrder order : EventOrder.values()) {
            List<List<String>> expected = order == EventOrder.ASCENDING
                    ? List.of(List.of("e0", "e1", "e2", "e3"), List.of("e4"), List.of("e5", "e6", "e7"))
                    : List.of(List.of("e7", "e6"), List.of("e5", "e4"), List.of("e3", "e2", "e1", "e0"));
            PageRequest request = PageRequest.first(100, order);
            Page<Event> page = page(request);
            assertEquals(expected.get(0), ids(page));
            for (List<String> next : expected.subList(1, expected.size())) {
                page = page(request.at(page.next().orElseThrow()));
                assertEquals(next, ids(page));
            }
            assertFalse(page.hasNext(), "after the last event");
            Page<Event> before = page(request.at(page.previous().orElseThrow()));
            assertTrue(before.hasPrevious() && before.hasNext(), "between other pages");
        }
    }

    /** Events of 32 KiB besides ids and names, 256 of which reach 8 MB, however they are found. */
    @Test
    final void endsPageOfEventsWithoutPayloadsAtTheOctetsOfPage() {
        String text = "é".repeat(4_096);
        List<NewEvent> events = IntStream.range(100, 360)
                .mapToObj(n -> event("e" + n)
                        .createdAt(NOW.plusSeconds(n))
                        .headerValues(Map.of("a", List.of(text.substring(1)), "b", List.of("y", "z")))
                        .urlPath(text)
                        .urlQueryParams(text)
                        .metadata(text)
                        .endpointIds(List.of("endpoint"))
                        .build())
                .toList();
        ledger.recordAll(events);
        EventFilter delivered =
                EventFilter.builder().endpointIds(List.of("endpoint")).build();
        UsageKey march = new UsageKey(ORGANISATION, UsagePeriod.parse("2026-03"));
        List<Function<PageRequest, Page<Event>>> ways = List.of(
                this::page, request -> ledger.page(P, delivered, request), request -> ledger.received(march, request));
        for (Function<PageRequest, Page<Event>> way : ways) {
            PageRequest first = PageRequest.first(1_000, EventOrder.ASCENDING);
            Page<Event> page = way.apply(first);
            assertEquals(256, page.items().size());
            page = way.apply(first.at(page.next().orElseThrow()));
            assertEquals(List.of("e356", "e357", "e358", "e359"), ids(page));
            assertFalse(page.hasNext(), "after the last event");
        }
    }

    @Test
    final void pagesForwardAndBackInEitherOrder() {
        List<String> ascending = recordOddlyOrdered();
        List<String> descending = new ArrayList<>(ascending);
        Collections.reverse(descending);
        for (EventOrder order : EventOrder.values()) {
            List<String> expected = order == EventOrder.ASCENDING ? ascending : descending;
            for (int size = 1; size <= 11; size++) {
                assertPages(PageRequest.first(size, order), expected);
            }
        }
    }

    /** Asserts that all pages, read forward and then back, hold the expected ids. */
    private void assertPages(PageRequest first, List<String> expected) {
        List<Page<Event>> pages = new ArrayList<>();
        List<String> seen = new ArrayList<>();
        Page<Event> page = page(first);
        assertFalse(page.hasPrevious());
        pages.add(page);
        seen.addAll(ids(page));
        while (page.hasNext()) {
            page = page(first.at(page.next().orElseThrow()));
            assertTrue(page.hasPrevious(), () -> "there is a page before " + seen.size());
            pages.add(page);
            seen.addAll(ids(page));
        }
        assertEquals(expected, seen, () -> first + " forward");
        for (int n = pages.size() - 2; n >= 0; n--) {
            page = page(first.at(page.previous().orElseThrow()));
            assertEquals(ids(pages.get(n)), ids(page), () -> first + " back to the same page");
            assertEquals(pages.get(n).next(), page.next());
            assertEquals(pages.get(n).previous(), page.previous());
        }
        assertFalse(page.hasPrevious());
    }

    @Test
    final void returnsOneEmptyPageWhenNothingMatches() {
        assertEquals(
                new Page<>(List.of(), Optional.empty(), Optional.empty()),
                page(PageRequest.first(10, EventOrder.ASCENDING)));
    }

    @Test
    final void allowsAnotherSizeForEachPage() {
        List<String> expected = recordOddlyOrdered();
        Page<Event> page = page(PageRequest.first(4, EventOrder.ASCENDING));
        Page<Event> rest = page(
                PageRequest.first(1_000, EventOrder.ASCENDING).at(page.next().orElseThrow()));
        assertEquals(expected.subList(4, expected.size()), ids(rest));
        Page<Event> back = page(
                PageRequest.first(1, EventOrder.ASCENDING).at(rest.previous().orElseThrow()));
        assertEquals(expected.subList(3, 4), ids(back));
    }

    @Test
    final void neitherRepeatsNorSkipsRowsWhenEventsArriveBetweenPages() {
        List<String> expected = recordOddlyOrdered();
        Page<Event> page = page(PageRequest.first(4, EventOrder.ASCENDING));
        recorded(event("before").createdAt(NOW.minusSeconds(1)));
        recorded(event("after").createdAt(NOW.plusSeconds(1)));
        List<String> seen = new ArrayList<>(ids(page));
        while (page.hasNext()) {
            page = page(
                    PageRequest.first(4, EventOrder.ASCENDING).at(page.next().orElseThrow()));
            seen.addAll(ids(page));
        }
        List<String> all = new ArrayList<>(expected);
        all.add("after");
        assertEquals(all, seen);
    }

    @Test
    final void pagesBeforeFirstPageWhenNewerEventArrives() {
        recordOddlyOrdered();
        PageRequest request = PageRequest.first(3, EventOrder.DESCENDING);
        Page<Event> first = page(request);
        Page<Event> second = page(request.at(first.next().orElseThrow()));
        recorded(event("newer").createdAt(NOW.plusSeconds(1)));
        Page<Event> back = page(request.at(second.previous().orElseThrow()));
        assertEquals(ids(first), ids(back));
        assertTrue(back.hasPrevious(), "the newer one is before it now");
        assertEquals(List.of("newer"), ids(page(request.at(back.previous().orElseThrow()))));
    }

    @Test
    final void rejectsCursorOfAnotherQuery() {
        recordOddlyOrdered();
        EventFilter even = EventFilter.builder().type("even").build();
        PageRequest request = PageRequest.first(2, EventOrder.ASCENDING);
        PageRequest next = request.at(ledger.page(P, even, request).next().orElseThrow());
        assertEquals(2, ledger.page(P, even, next).items().size());
        String others = "the filter, the order and the project or figure that it was given out for";
        assertRejected(() -> ledger.page(SIBLING, even, next), "cursor", others);
        assertRejected(() -> ledger.page(P, even, new PageRequest(2, EventOrder.DESCENDING, next.cursor())), others);
        for (EventFilter.Builder other : List.of(
                EventFilter.builder(),
                EventFilter.builder().type("odd"),
                EventFilter.builder().status("even"),
                EventFilter.builder().type("even").status(""),
                EventFilter.builder().type("even").sourceIds(List.of()),
                EventFilter.builder().type("even").state(EventFilter.State.ANY),
                EventFilter.builder().type("even").window(EventWindow.since(NOW)))) {
            assertRejected(() -> ledger.page(P, other.build(), next), others);
        }
    }

    @Test
    final void rejectsMalformedCursor() {
        recordOddlyOrdered();
        PageRequest request = PageRequest.first(2, EventOrder.ASCENDING);
        String cursor = page(request).next().orElseThrow();
        String given = "cursor must be one that this library has given out";
        for (String bad : List.of("", "x", "cursor", "=", "😀", "x".repeat(10_000), cursor + cursor, cursor + "=")) {
            assertRejected(() -> page(request.at(bad)), given);
        }
        IntStream.range(0, cursor.length())
                .forEach(length -> assertRejected(() -> page(request.at(cursor.substring(0, length))), given));
        for (int at = 0; at < cursor.length(); at++) {
            for (char other : new char[] {'A', 'B', 'Q', 'g', '_'}) {
                if (cursor.charAt(at) != other) {
                    String forged = cursor.substring(0, at) + other + cursor.substring(at + 1);
                    assertRejected(() -> page(request.at(forged)), given);
                }
            }
        }
    }

    @Test
    final void rejectsSizeOutOfBounds() {
        for (int size : new int[] {-1, 0, 1_001}) {
            assertRejected(
                    () -> PageRequest.first(size, EventOrder.ASCENDING),
                    "size must be between 1 and 1000, but was " + size);
        }
        assertRejected(
                () -> ledger.page(" ", EventFilter.ALL, PageRequest.first(1, EventOrder.ASCENDING)), "projectId");
    }
}
