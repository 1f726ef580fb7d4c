package io.usagekit.testkit.contract.events;

import static io.usagekit.testkit.internal.ContractAssertions.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.events.Delivery;
import io.usagekit.events.Duplicates;
import io.usagekit.events.Event;
import io.usagekit.events.EventOrder;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.events.SentDelivery;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Cases of the events and deliveries behind a figure. */
abstract class EventDrillDownCases extends EventRepositoryFixture {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));

    EventDrillDownCases(EventRepositoryContract contract) {
        super(contract);
    }

    private List<Event> received(UsageKey key, PageRequest first) {
        return readAllPages(request -> ledger.received(key, request), first);
    }

    private List<SentDelivery> sent(UsageKey key, PageRequest first) {
        return readAllPages(request -> ledger.sent(key, request), first);
    }

    private static <T> List<T> readAllPages(Function<PageRequest, Page<T>> pages, PageRequest first) {
        Page<T> page = pages.apply(first);
        List<T> all = new ArrayList<>(page.items());
        while (page.hasNext()) {
            List<T> before = page.items();
            page = pages.apply(first.at(page.next().orElseThrow()));
            all.addAll(page.items());
            if (before.size() == first.size()) {
                assertEquals(
                        before,
                        pages.apply(first.at(page.previous().orElseThrow())).items(),
                        "the previous page");
            }
        }
        return all;
    }

    private static UsageMetrics sum(List<Long> bytes) {
        return new UsageMetrics(
                bytes.size(), bytes.stream().mapToLong(Long::longValue).sum());
    }

    @Test
    final void addsUpPagesToTheFigure() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        ledger = openRepository(Duplicates.UNBILLED);
        List<String> projects = List.of("p1", "p2", "p3", "p4");
        for (int n = 0; n < projects.size(); n++) {
            ledger.save(new Project(projects.get(n), n < 3 ? ORGANISATION : "org-124", ""));
        }
        List<NewEvent> events = new ArrayList<>();
        List<NewDelivery> deliveries = new ArrayList<>();
        for (int n = 0; n < 300; n++) {
            NewEvent event = NewEvent.builder(projects.get(random.nextInt(4)), "e" + n)
                    .payload(Payload.of("é".repeat(random.nextInt(40)), new byte[random.nextInt(40)]))
                    .idempotencyKey(random.nextInt(3) == 0 ? "key-" + random.nextInt(20) : "")
                    .createdAt(edge(random))
                    .build();
            events.add(event);
            for (int d = random.nextInt(4); d > 0; d--) {
                deliveries.add(new NewDelivery(
                        "d" + deliveries.size(),
                        event.projectId(),
                        event.id(),
                        "endpoint",
                        random.nextInt(4) == 0 ? "Failure" : Delivery.SUCCESS,
                        Optional.of(edge(random))));
            }
        }
        ledger.recordAll(events);
        ledger.recordDeliveries(deliveries);
        for (UsageKey key : List.of(new UsageKey(ORGANISATION, MARCH), new UsageKey("org-124", MARCH))) {
            OrganisationUsage figure = figure(key);
            assertTrue(figure.received().volume() > 10 && figure.sent().volume() > 10, () -> "seed " + seed);
            for (EventOrder order : EventOrder.values()) {
                for (int size : new int[] {key.organisationId().equals(ORGANISATION) ? 7 : 1, 1_000}) {
                    PageRequest first = PageRequest.first(size, order);
                    List<Event> received = received(key, first);
                    assertEquals(
                            figure.received(),
                            sum(received.stream().map(Event::bytes).toList()),
                            () -> "received, seed " + seed);
                    assertEquals(received.size(), received.stream().distinct().count(), () -> "seed " + seed);
                    List<SentDelivery> sent = sent(key, first);
                    assertEquals(
                            figure.sent(),
                            sum(sent.stream().map(SentDelivery::bytes).toList()),
                            () -> "sent, seed " + seed);
                    assertEquals(sent.size(), sent.stream().distinct().count(), () -> "seed " + seed);
                }
            }
        }
    }

    /** An instant on a bound of the window, a microsecond beside a bound, or inside the window. */
    private static Instant edge(Random random) {
        return random.nextBoolean()
                ? (random.nextBoolean() ? MARCH.start() : MARCH.end()).plusNanos((random.nextInt(3) - 1) * 1_000L)
                : MARCH.start().plusSeconds(random.nextInt(5));
    }

    /** Deliveries of 16 KiB besides ids and the status, 512 of which reach 8 MB. */
    @Test
    final void endsPageOfDeliveriesAtTheOctetsOfPage() {
        recorded(event("event"));
        String text = "é".repeat(4_096);
        ledger.recordDeliveries(IntStream.range(100, 700)
                .mapToObj(n -> new NewDelivery(
                        "d" + n, P, "event", "", Delivery.SUCCESS, Optional.of(NOW.plusSeconds(n)), text, text))
                .toList());
        UsageKey key = new UsageKey(ORGANISATION, MARCH);
        PageRequest first = PageRequest.first(1_000, EventOrder.DESCENDING);
        Page<SentDelivery> page = ledger.sent(key, first);
        assertEquals(512, page.items().size());
        page = ledger.sent(key, first.at(page.next().orElseThrow()));
        assertEquals(88, page.items().size());
        assertFalse(page.hasNext(), "after the last delivery");
    }

    @Test
    final void returnsOneEmptyPageForUnknownOrganisation() {
        UsageKey key = new UsageKey("org-unknown", MARCH);
        assertEquals(List.of(), received(key, PageRequest.first(10, EventOrder.ASCENDING)));
        assertEquals(List.of(), sent(key, PageRequest.first(10, EventOrder.DESCENDING)));
    }

    @Test
    final void rejectsCursorOfAnotherFigure() {
        UsageKey key = new UsageKey(ORGANISATION, MARCH);
        recorded(event("e1"));
        recorded(event("e2"));
        delivered("d1", "e1", Delivery.SUCCESS);
        delivered("d2", "e1", Delivery.SUCCESS);
        PageRequest first = PageRequest.first(1, EventOrder.ASCENDING);
        PageRequest received = first.at(ledger.received(key, first).next().orElseThrow());
        PageRequest sent = first.at(ledger.sent(key, first).next().orElseThrow());
        assertEquals(1, ledger.received(key, received).items().size());
        assertEquals(1, ledger.sent(key, sent).items().size());
        UsagePeriod sameWindow = UsagePeriod.between(MARCH.start(), MARCH.end());
        assertEquals(
                1,
                ledger.sent(new UsageKey(ORGANISATION, sameWindow), sent)
                        .items()
                        .size());
        String others = "but was of others";
        assertRejected(() -> ledger.received(key, sent), others);
        assertRejected(() -> ledger.sent(key, received), others);
        assertRejected(() -> ledger.sent(new UsageKey("org-124", MARCH), sent), others);
        assertRejected(() -> ledger.sent(new UsageKey(ORGANISATION, UsagePeriod.parse("2026-04")), sent), others);
    }
}
