package io.usagekit.testkit.contract.deliveries;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryCount;
import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Project;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * Contract of {@link DeliveryRepository}: test cases that each implementation passes. A test class of the implementation extends
 * this class and provides an empty ledger.
 *
 * @since 0.1
 */
public abstract class DeliveryRepositoryContract {

    /**
     * Both repositories of one ledger.
     *
     * @param events which records the deliveries
     * @param deliveries which is under test
     * @since 0.1
     */
    public record Ledger(EventRepository events, DeliveryRepository deliveries) {}

    private static final Instant NOW = Instant.parse("2026-03-17T01:28:00.123456Z");
    private static final String P = "project-1";
    private static final String SIBLING = "project-2";

    /** Languages, code units and code points sort these differently. */
    private static final List<String> IDS = List.of("a", "B", "é", "_", "10", "9", "😀", "\uffee", "e-1", "e1");

    private static final List<String> STATUSES = List.of(Delivery.SUCCESS, "Failure", "", "Retry");
    private static final List<String> ENDPOINTS = List.of("", "warehouse", "Ärzte");

    private static final Comparator<String> BY_CODE_POINTS =
            (a, b) -> Arrays.compare(a.codePoints().toArray(), b.codePoints().toArray());
    private static final Comparator<DeliveryCount> BY_DAY_ENDPOINT_STATUS = Comparator.comparing(
                    (DeliveryCount count) -> count.day().orElse(LocalDate.MIN))
            .thenComparing(count -> count.endpointId().orElse(""), BY_CODE_POINTS)
            .thenComparing(count -> count.status().orElse(""), BY_CODE_POINTS);

    private ManualClock clock;
    private EventRepository events;
    private DeliveryRepository deliveries;

    /** For subclasses. */
    protected DeliveryRepositoryContract() {}

    /**
     * Returns an empty ledger for one test case.
     *
     * @param clock the ledger's clock
     */
    protected abstract Ledger openLedger(InstantSource clock);

    @BeforeEach
    final void open() {
        clock = ManualClock.at(NOW);
        Ledger ledger = openLedger(clock);
        events = ledger.events();
        deliveries = ledger.deliveries();
        for (String project : List.of(P, SIBLING)) {
            events.save(new Project(project, "org-1", ""));
            for (int n = 0; n < 3; n++) {
                events.record(NewEvent.builder(project, project + "-event-" + n)
                        .createdAt(NOW)
                        .build());
            }
        }
    }

    private static NewDelivery delivery(String id, String endpointId, String status, Instant at) {
        return new NewDelivery(id, P, P + "-event-0", endpointId, status, Optional.of(at));
    }

    private Delivery recorded(String id, String endpointId, String status, Instant at) {
        return events.recordDeliveries(List.of(delivery(id, endpointId, status, at)))
                .get(0);
    }

    /**
     * Records deliveries in random order, several at the same instant, of several events, endpoints and statuses, and one of another
     * project. Returns the project's in ascending order.
     */
    private List<Delivery> recordOddlyOrdered() {
        List<NewDelivery> all = new ArrayList<>();
        for (int n = 0; n < 3 * IDS.size(); n++) {
            all.add(new NewDelivery(
                    IDS.get(n % IDS.size()) + n / IDS.size(),
                    P,
                    P + "-event-" + n * 7 % 3,
                    ENDPOINTS.get(n * 5 / 2 % ENDPOINTS.size()),
                    STATUSES.get(n * 3 / 2 % STATUSES.size()),
                    Optional.of(NOW.plusNanos(n % 7 * 1_000L)),
                    "reason " + n % 2,
                    "metadata " + n % 3));
        }
        Collections.shuffle(all);
        List<Delivery> recorded = events.recordDeliveries(all);
        events.recordDeliveries(List.of(
                new NewDelivery("sibling", SIBLING, SIBLING + "-event-0", "warehouse", "Failure", Optional.of(NOW))));
        return recorded.stream()
                .sorted(Comparator.comparing(Delivery::createdAt).thenComparing(Delivery::id, BY_CODE_POINTS))
                .toList();
    }

    private static List<String> ids(List<Delivery> rows) {
        return rows.stream().map(Delivery::id).toList();
    }

    private Page<Delivery> page(DeliveryFilter.Builder filter, PageRequest request) {
        return deliveries.page(P, filter.build(), request);
    }

    /** Each property by itself, and several together. */
    private static List<DeliveryFilter.Builder> filters() {
        EventWindow window = EventWindow.between(NOW.plusNanos(1_000), NOW.plusNanos(6_000));
        return List.of(
                DeliveryFilter.builder(),
                DeliveryFilter.builder().window(window),
                DeliveryFilter.builder().window(EventWindow.since(NOW.plusNanos(2_000))),
                DeliveryFilter.builder().eventId(P + "-event-1"),
                DeliveryFilter.builder().eventId("none"),
                DeliveryFilter.builder().endpointId("warehouse"),
                DeliveryFilter.builder().endpointId(""),
                DeliveryFilter.builder().endpointId("none"),
                DeliveryFilter.builder().statuses(List.of("Failure")),
                DeliveryFilter.builder().statuses(List.of("", "none", Delivery.SUCCESS)),
                DeliveryFilter.builder().statuses(List.of()),
                DeliveryFilter.builder().endpointId("Ärzte").statuses(List.of("Failure", "Retry")),
                DeliveryFilter.builder().endpointId("warehouse").window(window),
                DeliveryFilter.builder().eventId(P + "-event-2").window(window),
                DeliveryFilter.builder()
                        .window(window)
                        .eventId(P + "-event-2")
                        .endpointId("warehouse")
                        .statuses(List.of("Failure", "Retry")));
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

    @Test
    final void findsDeliveriesInTheRequestedOrder() {
        recordOddlyOrdered();
        List<String> requested = List.of("e11", "none", "sibling", "a0", "e11", "B2");
        assertEquals(List.of("e11", "a0", "B2"), ids(deliveries.findAll(P, requested)));
        assertEquals(events.findDelivery(P, "a0").stream().toList(), deliveries.findAll(P, List.of("a0")));
        assertEquals(List.of("sibling"), ids(deliveries.findAll(SIBLING, requested)));
        assertEquals(List.of(), deliveries.findAll(P, List.of()));
    }

    @Test
    final void countsByEachCombinationOfProperties() {
        List<Delivery> all = recordOddlyOrdered();
        assertEquals(
                List.of(new DeliveryCount(Optional.empty(), Optional.empty(), Optional.empty(), all.size())),
                deliveries.count(P, DeliveryFilter.ALL, Set.of()));
        recorded("early", "warehouse", "Retry", Instant.parse("2026-03-16T23:59:59.999999Z"));
        recorded("late", "warehouse", "Retry", Instant.parse("2026-03-18T00:00:00Z"));
        List<Delivery> ascending = deliveries
                .page(P, DeliveryFilter.ALL, PageRequest.first(1_000, EventOrder.ASCENDING))
                .items();
        for (DeliveryFilter.Builder filter : filters()) {
            for (Set<DeliveryCount.Property> properties : combinations()) {
                Map<List<Optional<?>>, Long> expected = ascending.stream()
                        .filter(filter.build()::matches)
                        .collect(Collectors.groupingBy(
                                delivery -> groupOf(delivery, properties), Collectors.counting()));
                List<DeliveryCount> counts = deliveries.count(P, filter.build(), properties);
                String name = filter.build() + " by " + properties;
                assertEquals(
                        expected,
                        counts.stream()
                                .collect(Collectors.toMap(
                                        count -> List.of(count.day(), count.endpointId(), count.status()),
                                        DeliveryCount::deliveries)),
                        name);
                assertEquals(counts.stream().sorted(BY_DAY_ENDPOINT_STATUS).toList(), counts, () -> name + " in order");
            }
        }
    }

    private static List<Set<DeliveryCount.Property>> combinations() {
        List<Set<DeliveryCount.Property>> all = new ArrayList<>(List.of(Set.of()));
        for (DeliveryCount.Property property : DeliveryCount.Property.values()) {
            for (Set<DeliveryCount.Property> without : List.copyOf(all)) {
                Set<DeliveryCount.Property> with = EnumSet.of(property);
                with.addAll(without);
                all.add(with);
            }
        }
        return all;
    }

    private static List<Optional<?>> groupOf(Delivery delivery, Set<DeliveryCount.Property> properties) {
        LocalDate day = delivery.createdAt().atOffset(ZoneOffset.UTC).toLocalDate();
        return List.of(
                properties.contains(DeliveryCount.Property.DAY) ? Optional.of(day) : Optional.empty(),
                properties.contains(DeliveryCount.Property.ENDPOINT)
                        ? Optional.of(delivery.endpointId())
                        : Optional.empty(),
                properties.contains(DeliveryCount.Property.STATUS) ? Optional.of(delivery.status()) : Optional.empty());
    }

    @Test
    final void updatesTheStatusOfThoseThatMeetTheFilterAndOfNoOthers() {
        recordOddlyOrdered().forEach(this::setStatusAgain);
        List<Delivery> before = allOf(P);
        for (DeliveryFilter.Builder builder : filters()) {
            DeliveryFilter filter = builder.build();
            for (String status : List.of("Scheduled", "Failure", "", Delivery.SUCCESS)) {
                List<Delivery> expected = before.stream()
                        .map(delivery -> filter.matches(delivery) ? in(status, delivery) : delivery)
                        .toList();
                long changed = IntStream.range(0, before.size())
                        .filter(n -> !expected.get(n).equals(before.get(n)))
                        .count();
                String name = filter + " to " + status;
                assertEquals(changed, deliveries.updateStatus(P, filter, status), name);
                assertEquals(expected, allOf(P), name);
                // Each case begins with the same deliveries.
                before.forEach(this::setStatusAgain);
            }
        }
        assertEquals(
                "Failure", events.findDelivery(SIBLING, "sibling").orElseThrow().status());
    }

    private void setStatusAgain(Delivery delivery) {
        events.updateDeliveryStatus(P, delivery.id(), delivery.status(), delivery.failureReason());
    }

    private List<Delivery> allOf(String projectId) {
        return deliveries
                .page(projectId, DeliveryFilter.ALL, PageRequest.first(1_000, EventOrder.ASCENDING))
                .items();
    }

    /** The delivery as it is once its status has been set. */
    private static Delivery in(String status, Delivery delivery) {
        if (delivery.status().equals(status)) {
            return delivery;
        }
        return new Delivery(
                delivery.id(),
                delivery.projectId(),
                delivery.eventId(),
                delivery.endpointId(),
                status,
                delivery.createdAt(),
                status.equals(Delivery.SUCCESS) ? "" : delivery.failureReason(),
                delivery.metadata(),
                Optional.of(NOW));
    }

    @Test
    final void saysWhenStatusesWereSet() {
        recorded("failed", "warehouse", "Failure", NOW);
        recorded("scheduled", "warehouse", "Scheduled", NOW);
        recorded("elsewhere", "", "Failure", NOW);
        clock.advance(Duration.ofNanos(1_999));
        DeliveryFilter filter = DeliveryFilter.builder().endpointId("warehouse").build();
        assertEquals(1, deliveries.updateStatus(P, filter, "Scheduled"));
        assertEquals(
                Map.of(
                        "failed",
                        Optional.of(NOW.plusNanos(1_000)),
                        "scheduled",
                        Optional.empty(),
                        "elsewhere",
                        Optional.empty()),
                allOf(P).stream().collect(Collectors.toMap(Delivery::id, Delivery::updatedAt)));
    }

    @Test
    final void updatesMoreDeliveriesThanABatchHas() {
        List<NewDelivery> many = IntStream.range(0, 2_500)
                .mapToObj(n -> delivery("d" + n, "", n % 5 == 0 ? "Failure" : "Retry", NOW.plusNanos(n / 2 * 1_000L)))
                .toList();
        events.recordDeliveries(many);
        DeliveryFilter retried =
                DeliveryFilter.builder().statuses(List.of("Retry")).build();
        assertEquals(2_000, deliveries.updateStatus(P, retried, "Scheduled"));
        assertEquals(0, deliveries.updateStatus(P, retried, "Scheduled"));
        assertEquals(500, deliveries.updateStatus(P, DeliveryFilter.ALL, "Scheduled"));
        assertEquals(
                List.of(new DeliveryCount(Optional.empty(), Optional.empty(), Optional.of("Scheduled"), 2_500)),
                deliveries.count(P, DeliveryFilter.ALL, Set.of(DeliveryCount.Property.STATUS)));
    }

    @Test
    final void rejectsArgumentsOutOfBounds() {
        for (String bad : List.of("a\0b", "\ud800", "é".repeat(128))) {
            assertRejected(() -> DeliveryFilter.builder().endpointId(bad), "endpointId");
            assertRejected(() -> DeliveryFilter.builder().statuses(List.of("fine", bad)), "statuses");
            assertRejected(() -> deliveries.updateStatus(P, DeliveryFilter.ALL, bad), "status");
        }
        for (String bad : List.of("", " ", "a\0b", "\ud800", "é".repeat(128))) {
            assertRejected(() -> DeliveryFilter.builder().eventId(bad), "eventId");
            assertRejected(() -> deliveries.findAll(bad, List.of()), "projectId");
            assertRejected(() -> deliveries.findAll(P, List.of("fine", bad)), "deliveryIds");
            assertRejected(() -> deliveries.count(bad, DeliveryFilter.ALL, Set.of()), "projectId");
            assertRejected(() -> deliveries.updateStatus(bad, DeliveryFilter.ALL, ""), "projectId");
            assertRejected(
                    () -> deliveries.page(bad, DeliveryFilter.ALL, PageRequest.first(1, EventOrder.ASCENDING)),
                    "projectId");
        }
        List<String> statuses = IntStream.range(0, 21).mapToObj(String::valueOf).toList();
        DeliveryFilter.builder().statuses(statuses.subList(0, 20));
        assertRejected(
                () -> DeliveryFilter.builder().statuses(statuses),
                "statuses must have at most 20 different ones, but has 21");
    }

    /** Asserts that the call throws {@link IllegalArgumentException} whose message contains each of the words. */
    private static void assertRejected(Executable call, String... words) {
        IllegalArgumentException error = assertThrows(IllegalArgumentException.class, call);
        for (String word : words) {
            assertTrue(error.toString().contains(word), () -> "the message names " + word + ", but was: " + error);
        }
    }
}
