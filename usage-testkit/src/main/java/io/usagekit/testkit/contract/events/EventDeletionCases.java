package io.usagekit.testkit.contract.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.events.Delivery;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Cases of soft and hard deletion. */
abstract class EventDeletionCases extends EventRepositoryFixture {

    private static final UsageKey FIGURE = new UsageKey(ORGANISATION, UsagePeriod.parse("2026-03"));

    EventDeletionCases(EventRepositoryContract contract) {
        super(contract);
    }

    private OrganisationUsage figure() {
        return figure(FIGURE);
    }

    /** Records five events of ten octets each, a second apart; the second and the fourth have a delivery. */
    private void recordFive() {
        for (int n = 0; n < 5; n++) {
            recorded(event("e" + n)
                    .createdAt(NOW.plusSeconds(n))
                    .idempotencyKey("key-" + n)
                    .endpointIds(List.of("endpoint"))
                    .payload(Payload.of("word", new byte[6])));
        }
        recorded(NewEvent.builder(SIBLING, "sibling").createdAt(NOW));
        delivered("d1", "e1", Delivery.SUCCESS);
        delivered("d3", "e3", "Failure");
        ledger.tokenise(P, EventWindow.ALL);
    }

    @Test
    final void excludesSoftDeletedEventsFromReceivedButNotFromSent() {
        recordFive();
        clock.advance(Duration.ofHours(1));
        EventWindow window = EventWindow.between(NOW.plusSeconds(1), NOW.plusSeconds(3));
        assertEquals(2, ledger.delete(P, window));
        assertEquals(0, ledger.delete(P, window), "the second time");

        assertEquals(3, ledger.countMessages(P));
        assertEquals(1, ledger.countMessages(SIBLING));
        assertEquals(
                Optional.of(NOW.plus(Duration.ofHours(1))),
                ledger.find(P, "e1").orElseThrow().deletedAt());
        assertEquals(Optional.empty(), ledger.find(P, "e3").orElseThrow().deletedAt(), "outside the window");
        assertEquals(new UsageMetrics(4, 30), figure().received());
        assertEquals(new UsageMetrics(1, 10), figure().sent());
        assertEquals(
                3,
                ledger.received(FIGURE, PageRequest.first(10, EventOrder.ASCENDING)).items().stream()
                        .filter(event -> event.projectId().equals(P))
                        .count());
        assertEquals(
                5,
                ledger.count(
                        P, EventFilter.builder().state(EventFilter.State.ANY).build()));
        assertEquals(3, ledger.count(P, EventFilter.builder().text("word").build()));
    }

    @Test
    final void freesIdempotencyKeyOfDeletedEvent() {
        recordFive();
        assertTrue(repeats(P, "again", "key-1"));
        ledger.delete(P, EventWindow.before(NOW.plusSeconds(2)));
        assertFalse(ledger.isRecorded(P, "key-1"));
        assertEquals(Optional.empty(), ledger.findFirst(P, "key-1"));
        assertFalse(repeats(P, "after", "key-1"));
        assertTrue(ledger.isRecorded(P, "key-1"));
    }

    @Test
    final void keepsEventsWithDeliveriesWhenDeletingForGood() {
        recordFive();
        ledger.delete(P, EventWindow.between(NOW, NOW.plusSeconds(2)));
        UsageMetrics sent = figure().sent();
        assertEquals(2, ledger.deleteForGood(P, EventWindow.before(NOW.plusSeconds(4))));

        assertEquals(Optional.empty(), ledger.find(P, "e0"), "soft-deleted before");
        assertEquals(Optional.empty(), ledger.find(P, "e2"));
        assertTrue(ledger.find(P, "e1").isPresent(), "delivered");
        assertTrue(ledger.find(P, "e3").isPresent(), "a delivery that failed may succeed");
        assertTrue(ledger.find(P, "e4").isPresent(), "outside the window");
        assertEquals(List.of(), ledger.endpointIds(P, "e0"));
        assertEquals(sent, figure().sent());
        assertEquals(0, ledger.deleteForGood(P, EventWindow.before(NOW.plusSeconds(4))));
        assertEquals(2, ledger.count(P, EventFilter.builder().text("word").build()));
        assertEquals(3, ledger.deleteTokens(P, EventWindow.ALL), "e1, e3, e4");
        assertEquals(1, ledger.countMessages(SIBLING));
    }

    @Test
    final void deletesMoreThanOneBatchInOneCall() {
        ledger.recordAll(
                IntStream.range(0, 6_001).mapToObj(n -> event("e" + n).build()).toList());
        delivered("d", "e17", Delivery.SUCCESS);
        assertEquals(6_001, ledger.delete(P, EventWindow.ALL));
        assertEquals(6_000, ledger.deleteForGood(P, EventWindow.ALL));
        assertTrue(ledger.find(P, "e17").isPresent());
    }

    @Test
    final void continuesFromCursorWhoseRowIsDeleted() {
        recordFive();
        PageRequest first = PageRequest.first(2, EventOrder.ASCENDING);
        PageRequest next =
                first.at(ledger.page(P, EventFilter.ALL, first).next().orElseThrow());
        ledger.delete(P, EventWindow.between(NOW.plusSeconds(1), NOW.plusSeconds(3)));
        assertEquals(
                List.of("e3", "e4"),
                ledger.page(P, EventFilter.ALL, next).items().stream()
                        .map(event -> event.id())
                        .toList());
    }
}
