package io.usagekit.testkit.contract.deliveries;

import static io.usagekit.testkit.internal.ContractAssertions.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Cases of pages and their cursors. */
abstract class DeliveryPagingCases extends DeliveryRepositoryFixture {

    DeliveryPagingCases(DeliveryRepositoryContract contract) {
        super(contract);
    }

    @Test
    final void pagesForwardAndBackInEitherOrderByEachFilter() {
        List<Delivery> ascending = recordOddlyOrdered();
        List<Delivery> descending = new ArrayList<>(ascending);
        Collections.reverse(descending);
        for (DeliveryFilter.Builder filter : filters()) {
            for (EventOrder order : EventOrder.values()) {
                List<Delivery> expected = (order == EventOrder.ASCENDING ? ascending : descending)
                        .stream().filter(filter.build()::matches).toList();
                for (int size : new int[] {1, 2, 7, 1_000}) {
                    assertPages(filter, PageRequest.first(size, order), expected);
                }
            }
        }
    }

    /** Deliveries of 16 KiB and 35 octets in ids and the status, 511 of which reach 8 MB, however they are found. */
    @Test
    final void endsPageAtTheOctetsOfPage() {
        String text = "é".repeat(4_096);
        events.recordDeliveries(IntStream.range(100, 700)
                .mapToObj(n -> new NewDelivery(
                        "d" + n, P, P + "-event-0", "", "Retry", Optional.of(NOW.plusSeconds(n)), text, text))
                .toList());
        for (DeliveryFilter.Builder filter :
                List.of(DeliveryFilter.builder(), DeliveryFilter.builder().eventId(P + "-event-0"))) {
            PageRequest first = PageRequest.first(1_000, EventOrder.ASCENDING);
            Page<Delivery> page = page(filter, first);
            assertEquals(511, page.items().size());
            page = page(filter, first.at(page.next().orElseThrow()));
            assertEquals(89, page.items().size());
            assertFalse(page.hasNext(), "after the last delivery");
        }
    }

    @Test
    final void neitherRepeatsNorSkipsDeliveriesThatAreRecordedBetweenPages() {
        List<String> expected = new ArrayList<>(ids(recordOddlyOrdered()));
        PageRequest request = PageRequest.first(4, EventOrder.ASCENDING);
        Page<Delivery> page = page(DeliveryFilter.builder(), request);
        recorded("before", "", "Failure", NOW.minusSeconds(1));
        recorded("after", "new endpoint", "a status that wasn't there", NOW.plusSeconds(1));
        expected.add("after");
        List<String> seen = new ArrayList<>(ids(page.items()));
        while (page.hasNext()) {
            page = page(DeliveryFilter.builder(), request.at(page.next().orElseThrow()));
            seen.addAll(ids(page.items()));
        }
        assertEquals(expected, seen);
    }

    @Test
    final void rejectsCursorOfAnotherQuery() {
        recordOddlyOrdered();
        PageRequest request = PageRequest.first(2, EventOrder.ASCENDING);
        DeliveryFilter warehouse =
                DeliveryFilter.builder().endpointId("warehouse").build();
        PageRequest next =
                request.at(deliveries.page(P, warehouse, request).next().orElseThrow());
        assertEquals(2, deliveries.page(P, warehouse, next).items().size());
        String others = "the filter, the order and the project or figure that it was given out for";
        assertRejected(() -> deliveries.page(SIBLING, warehouse, next), "cursor", others);
        assertRejected(
                () -> deliveries.page(P, warehouse, new PageRequest(2, EventOrder.DESCENDING, next.cursor())), others);
        for (DeliveryFilter.Builder other : List.of(
                DeliveryFilter.builder(),
                DeliveryFilter.builder().endpointId(""),
                DeliveryFilter.builder().eventId("warehouse"),
                DeliveryFilter.builder().endpointId("warehouse").statuses(List.of()),
                DeliveryFilter.builder().endpointId("warehouse").window(EventWindow.since(NOW)))) {
            assertRejected(() -> page(other, next), others);
        }
        assertRejected(() -> page(DeliveryFilter.builder(), request.at("cursor")), "cursor must be one");
    }

    /** Asserts that all pages, read forward and then back, hold the expected deliveries. */
    private void assertPages(DeliveryFilter.Builder filter, PageRequest first, List<Delivery> expected) {
        String name = filter.build() + " " + first;
        List<Page<Delivery>> pages = new ArrayList<>();
        List<Delivery> seen = new ArrayList<>();
        Page<Delivery> page = page(filter, first);
        assertFalse(page.hasPrevious(), name);
        pages.add(page);
        seen.addAll(page.items());
        while (page.hasNext()) {
            page = page(filter, first.at(page.next().orElseThrow()));
            assertTrue(page.hasPrevious(), name);
            pages.add(page);
            seen.addAll(page.items());
        }
        assertEquals(expected, seen, () -> name + " forward");
        for (int n = pages.size() - 2; n >= 0; n--) {
            page = page(filter, first.at(page.previous().orElseThrow()));
            assertEquals(pages.get(n), page, () -> name + " back to the same page");
        }
        assertFalse(page.hasPrevious(), name);
    }

    private Page<Delivery> page(DeliveryFilter.Builder filter, PageRequest request) {
        return deliveries.page(P, filter.build(), request);
    }
}
