package io.usagekit.testkit.contract.deliveries;

import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Project;
import io.usagekit.testkit.ManualClock;
import io.usagekit.testkit.internal.CodePoints;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;

/** Fixture of one topic of the contract: a ledger with two projects and three events of each. */
abstract class DeliveryRepositoryFixture {

    static final Instant NOW = Instant.parse("2026-03-17T01:28:00.123456Z");
    static final String P = "project-1";
    static final String SIBLING = "project-2";

    /** Languages, code units and code points sort these differently. */
    private static final List<String> IDS = List.of("a", "B", "é", "_", "10", "9", "😀", "\uffee", "e-1", "e1");

    private static final List<String> STATUSES = List.of(Delivery.SUCCESS, "Failure", "", "Retry");
    private static final List<String> ENDPOINTS = List.of("", "warehouse", "Ärzte");

    ManualClock clock;
    EventRepository events;
    DeliveryRepository deliveries;

    private final DeliveryRepositoryContract contract;

    DeliveryRepositoryFixture(DeliveryRepositoryContract contract) {
        this.contract = contract;
    }

    @BeforeEach
    final void open() {
        clock = ManualClock.at(NOW);
        DeliveryRepositoryContract.Ledger ledger = contract.openLedger(clock);
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

    /** A delivery of the project's first event. */
    static NewDelivery delivery(String id, String endpointId, String status, Instant at) {
        return new NewDelivery(id, P, P + "-event-0", endpointId, status, Optional.of(at));
    }

    /** Records a delivery of the project's first event. */
    final Delivery recorded(String id, String endpointId, String status, Instant at) {
        return events.recordDeliveries(List.of(delivery(id, endpointId, status, at)))
                .get(0);
    }

    /**
     * Records deliveries in random order, several at the same instant, of several events, endpoints and statuses, and one of another
     * project. Returns the project's in ascending order.
     */
    final List<Delivery> recordOddlyOrdered() {
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
                .sorted(Comparator.comparing(Delivery::createdAt).thenComparing(Delivery::id, CodePoints.ORDER))
                .toList();
    }

    static List<String> ids(List<Delivery> rows) {
        return rows.stream().map(Delivery::id).toList();
    }

    /** Filters by each property alone, and by several together. */
    static List<DeliveryFilter.Builder> filters() {
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

    /** Returns the project's deliveries in ascending order. */
    final List<Delivery> inOrder() {
        return deliveries
                .page(P, DeliveryFilter.ALL, PageRequest.first(1_000, EventOrder.ASCENDING))
                .items();
    }
}
