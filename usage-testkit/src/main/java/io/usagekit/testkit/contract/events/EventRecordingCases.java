package io.usagekit.testkit.contract.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.events.Delivery;
import io.usagekit.events.Duplicates;
import io.usagekit.events.Endpoint;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.events.Source;
import io.usagekit.testkit.internal.UnusualKeys;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Cases of recording events and deliveries: ids, lists, idempotency keys. */
abstract class EventRecordingCases extends EventRepositoryFixture {

    EventRecordingCases(EventRepositoryContract contract) {
        super(contract);
    }

    @Test
    final void keepsFirstAndLastAllowedInstant() {
        Instant first = Instant.parse("0001-01-01T00:00:00Z");
        Instant last = Instant.parse("9999-12-31T23:59:59.999999Z");
        recorded(event("first").createdAt(first));
        recorded(event("last").createdAt(last));
        assertEquals(first, ledger.find(P, "first").orElseThrow().createdAt());
        assertEquals(last, ledger.find(P, "last").orElseThrow().createdAt());
    }

    @Test
    final void distinguishesUnusualIds() {
        List<String> ids = UnusualKeys.organisationIds().stream()
                .filter(id -> id.getBytes(StandardCharsets.UTF_8).length <= 255)
                .toList();
        ledger.recordAll(ids.stream()
                .map(id -> event(id).type(id).endpointIds(List.of(id)).build())
                .toList());
        for (String id : ids) {
            assertEquals(id, ledger.find(P, id).orElseThrow().type());
            assertEquals(List.of(id), ledger.endpointIds(P, id));
        }
    }

    @Test
    final void recordsLongListInOrder() {
        List<NewEvent> events = IntStream.range(0, 2_500)
                .mapToObj(n -> NewEvent.builder(n % 2 == 0 ? P : SIBLING, "e" + n)
                        .payload(Payload.of("x".repeat(n % 7)))
                        .endpointIds(List.of("endpoint-" + n % 3))
                        .build())
                .toList();
        List<Event> recorded = ledger.recordAll(events);
        assertEquals(
                events.stream().map(NewEvent::id).toList(),
                recorded.stream().map(Event::id).toList());
        assertEquals(1_250, ledger.countMessages(P));
        assertEquals(1_250, ledger.countMessages(SIBLING));
        assertEquals(List.of("endpoint-1"), ledger.endpointIds(SIBLING, "e2497"));
        assertEquals(recorded.get(2_499), ledger.find(SIBLING, "e2499").orElseThrow());
        assertEquals(List.of(), ledger.recordAll(List.of()));
    }

    @Test
    final void recordsEventWithManyEndpoints() {
        List<String> endpoints =
                IntStream.range(0, 31_000).mapToObj(n -> "endpoint-" + n).toList();
        recorded(event("e").endpointIds(endpoints));
        assertEquals(endpoints.stream().sorted().toList(), ledger.endpointIds(P, "e"));
    }

    @Test
    final void recordsNothingWhenOneIdIsTaken() {
        recorded(event("taken"));
        List<NewEvent> events = Stream.of("new", "taken", "other")
                .map(id -> event(id).endpointIds(List.of("endpoint")).build())
                .toList();
        assertThrows(EventLedgerException.class, () -> ledger.recordAll(events));
        assertThrows(
                EventLedgerException.class,
                () -> ledger.recordAll(
                        List.of(event("twice").build(), event("twice").build())));
        assertThrows(
                EventLedgerException.class,
                () -> ledger.record(NewEvent.builder(UNRELATED, "taken").build()));
        assertEquals(1, ledger.countMessages(P));
        assertEquals(Optional.empty(), ledger.find(P, "new"));
    }

    @Test
    final void refusesTakenIdOfEventAtAnotherTime() {
        Event first = recorded(event("e").createdAt(NOW).endpointIds(List.of("endpoint-1")));
        Instant later = NOW.plus(Duration.ofDays(40));
        List<NewEvent> others = List.of(
                event("e").createdAt(later).endpointIds(List.of("endpoint-2")).build(),
                NewEvent.builder(UNRELATED, "e")
                        .createdAt(later)
                        .idempotencyKey("key")
                        .endpointIds(List.of("endpoint-2"))
                        .build());
        for (NewEvent other : others) {
            assertThrows(EventLedgerException.class, () -> ledger.record(other), other.projectId());
        }
        assertThrows(
                EventLedgerException.class,
                () -> ledger.recordAll(List.of(
                        event("twice").createdAt(NOW).build(),
                        event("twice").createdAt(later).build())));
        assertEquals(1, ledger.countMessages(P));
        assertEquals(0, ledger.countMessages(UNRELATED));
        assertEquals(List.of(first), ledger.findAll(P, List.of("e")));
        assertEquals(List.of("endpoint-1"), ledger.endpointIds(P, "e"));
        assertFalse(ledger.isRecorded(UNRELATED, "key"), "nothing of a refused event is left");
    }

    @Test
    final void recordsOneOfEventsWithOneIdAtSeveralTimesConcurrently() throws Exception {
        int callers = 6;
        ExecutorService threads = Executors.newFixedThreadPool(callers);
        try {
            for (int round = 0; round < 20; round++) {
                String id = "id-" + round;
                List<Callable<Integer>> calls = new ArrayList<>();
                for (int caller = 0; caller < callers; caller++) {
                    // A list that is longer than others are, with an id that all have at its end.
                    List<NewEvent> events = new ArrayList<>();
                    for (int n = 0; caller == 0 && n < 300; n++) {
                        events.add(event(id + "-" + n).build());
                    }
                    events.add(event(id)
                            .createdAt(NOW.plus(Duration.ofDays(20L * caller)))
                            .build());
                    calls.add(() -> isDone(() -> ledger.recordAll(events)));
                }
                assertEquals(1, sum(threads.invokeAll(calls)), "calls that recorded " + id);
            }
            assertEquals(
                    20,
                    IntStream.range(0, 20)
                            .filter(round -> ledger.find(P, "id-" + round).isPresent())
                            .count());
        } finally {
            threads.shutdown();
        }
    }

    /** Runs a call; returns 1 if it is done, 0 if the ledger refuses it. */
    private static int isDone(Runnable call) {
        try {
            call.run();
            return 1;
        } catch (EventLedgerException e) {
            return 0;
        }
    }

    private static int sum(List<Future<Integer>> calls) throws Exception {
        int sum = 0;
        for (Future<Integer> call : calls) {
            sum += call.get();
        }
        return sum;
    }

    // What events refer to

    @Test
    final void refusesEndpointAndSourceOfAnotherProject() {
        ledger.save(new Endpoint("endpoint", P, "owner", "first"));
        ledger.save(new Source("source", P, "first", "type"));
        recorded(event("e").sourceId("source").endpointIds(List.of("endpoint")));

        for (String other : List.of(SIBLING, UNRELATED)) {
            EventLedgerException endpoint = assertThrows(
                    EventLedgerException.class, () -> ledger.save(new Endpoint("endpoint", other, "thief", "")));
            assertTrue(endpoint.toString().contains("\"endpoint\""), endpoint::toString);
            EventLedgerException source = assertThrows(
                    EventLedgerException.class, () -> ledger.save(new Source("source", other, "thief", "")));
            assertTrue(source.toString().contains("\"source\""), source::toString);
            assertFalse(
                    endpoint.toString().contains(P) || source.toString().contains(P),
                    "the message doesn't say whose it is");
        }
        assertEquals(1, ledger.count(P, EventFilter.builder().ownerId("owner").build()));
        assertEquals(
                Optional.of(new Source("source", P, "first", "type")),
                ledger.findWithSource(P, "e").orElseThrow().source());

        ledger.save(new Endpoint("endpoint", P, "heir", "second"));
        ledger.save(new Source("source", P, "second", "type"));
        assertEquals(1, ledger.count(P, EventFilter.builder().ownerId("heir").build()));
        assertEquals(
                "second",
                ledger.findWithSource(P, "e")
                        .orElseThrow()
                        .source()
                        .orElseThrow()
                        .name());
    }

    @Test
    final void recordsNothingWhenOneProjectIsMissing() {
        List<NewEvent> events =
                List.of(event("e").build(), NewEvent.builder("nowhere", "n").build());
        assertThrows(EventLedgerException.class, () -> ledger.recordAll(events));
        assertEquals(0, ledger.countMessages(P));
    }

    // Idempotency

    @Test
    final void marksEventWithRepeatedKeyAsDuplicate() {
        assertFalse(repeats(P, "e1", "key"));
        assertTrue(repeats(P, "e2", "key"));
        assertTrue(repeats(P, "e3", "key"));
        assertFalse(repeats(P, "e4", "Key"), "another key");
        assertFalse(repeats(SIBLING, "e5", "key"), "another project");
        assertEquals("e1", ledger.findFirst(P, "key").orElseThrow().id());
        assertEquals("e5", ledger.findFirst(SIBLING, "key").orElseThrow().id());
        assertTrue(ledger.find(P, "e3").orElseThrow().duplicate());
    }

    @Test
    final void marksNoDuplicateWithoutIdempotencyKey() {
        assertFalse(repeats(P, "e1", ""));
        assertFalse(repeats(P, "e2", ""));
    }

    @Test
    final void marksAllButFirstOfListAsDuplicates() {
        List<Event> recorded = ledger.recordAll(IntStream.range(0, 2_500)
                .mapToObj(n -> event("e" + n).idempotencyKey("key-" + n % 1_200).build())
                .toList());
        for (int n = 0; n < recorded.size(); n++) {
            assertEquals(n >= 1_200, recorded.get(n).duplicate(), "duplicate: e" + n);
        }
        assertTrue(repeats(P, "later", "key-7"));
    }

    @Test
    final void keepsDuplicatesLiveWhenBilled() {
        repeats(P, "e1", "key");
        repeats(P, "e2", "key");
        assertEquals(2, ledger.countMessages(P));
        assertEquals(Optional.empty(), ledger.find(P, "e2").orElseThrow().deletedAt());
    }

    @Test
    final void recordsDuplicatesAsDeletedWhenUnbilled() {
        ledger = openRepository(Duplicates.UNBILLED);
        ledger.save(new Project(P, ORGANISATION, ""));
        Instant then = NOW.minusSeconds(60);
        repeats(P, "e1", "key");
        Event second = recorded(event("e2").idempotencyKey("key").createdAt(then));
        assertTrue(second.duplicate());
        assertEquals(Optional.of(then), second.deletedAt());
        assertEquals(1, ledger.countMessages(P));
        assertEquals(Optional.of(second), ledger.find(P, "e2"), "found although deleted");
        assertTrue(repeats(P, "e3", "key"));
    }

    @Test
    final void marksAllButOneAsDuplicatesWhenRecordedConcurrently() throws Exception {
        int callers = 8;
        ExecutorService threads = Executors.newFixedThreadPool(callers);
        try {
            for (int round = 0; round < 20; round++) {
                String key = "key-" + round;
                List<Callable<Long>> calls = new ArrayList<>();
                for (int caller = 0; caller < callers; caller++) {
                    String id = key + "-" + caller;
                    // Half of the callers list their events in reverse order.
                    List<NewEvent> events = new ArrayList<>(List.of(
                            event(id).idempotencyKey(key).build(),
                            event(id + "-a").idempotencyKey(key + "-a").build(),
                            event(id + "-b").idempotencyKey(key + "-b").build()));
                    if (caller % 2 == 1) {
                        Collections.reverse(events);
                    }
                    calls.add(() -> ledger.recordAll(events).stream()
                            .filter(event -> !event.duplicate())
                            .count());
                }
                long firsts = 0;
                for (Future<Long> call : threads.invokeAll(calls)) {
                    firsts += call.get();
                }
                assertEquals(3, firsts, "events of three keys that aren't duplicates");
            }
        } finally {
            threads.shutdown();
        }
    }

    // Deliveries

    @Test
    final void recordsNoDeliveryWhenOneIsRejected() {
        recorded(event("e"));
        recorded(NewEvent.builder(SIBLING, "sibling"));
        delivered("taken", "e", Delivery.SUCCESS);
        NewDelivery fine = new NewDelivery("d", P, "e", "", "", Optional.empty());
        for (NewDelivery bad : List.of(
                new NewDelivery("taken", P, "e", "", "", Optional.empty()),
                new NewDelivery("b", P, "nowhere", "", "", Optional.empty()),
                new NewDelivery("b", P, "sibling", "", "", Optional.empty()),
                new NewDelivery("b", "nowhere", "e", "", "", Optional.empty()),
                fine)) {
            assertThrows(EventLedgerException.class, () -> ledger.recordDeliveries(List.of(fine, bad)), bad.toString());
            assertEquals(Optional.empty(), ledger.findDelivery(P, "d"));
        }
    }

    @Test
    final void refusesTakenIdOfDeliveryAtAnotherTime() throws Exception {
        recorded(event("e"));
        recorded(NewEvent.builder(UNRELATED, "unrelated"));
        Instant later = NOW.plus(Duration.ofDays(40));
        NewDelivery first = new NewDelivery("d", P, "e", "", Delivery.SUCCESS, Optional.of(NOW));
        List<Delivery> recorded = ledger.recordDeliveries(List.of(first));
        for (NewDelivery other : List.of(
                new NewDelivery("d", P, "e", "", Delivery.SUCCESS, Optional.of(later)),
                new NewDelivery("d", UNRELATED, "unrelated", "", Delivery.SUCCESS, Optional.of(later)))) {
            NewDelivery fine = new NewDelivery("fine", P, "e", "", "", Optional.of(NOW));
            assertThrows(EventLedgerException.class, () -> ledger.recordDeliveries(List.of(fine, other)));
            assertEquals(Optional.empty(), ledger.findDelivery(P, "fine"));
        }
        assertEquals(Optional.of(recorded.get(0)), ledger.findDelivery(P, "d"));
        assertEquals(Optional.empty(), ledger.findDelivery(UNRELATED, "d"));

        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            for (int round = 0; round < 10; round++) {
                String id = "d-" + round;
                List<Callable<Integer>> calls = new ArrayList<>();
                for (int caller = 0; caller < 4; caller++) {
                    NewDelivery delivery = new NewDelivery(
                            id, P, "e", "", Delivery.SUCCESS, Optional.of(NOW.plus(Duration.ofDays(20L * caller))));
                    calls.add(() -> isDone(() -> ledger.recordDeliveries(List.of(delivery))));
                }
                assertEquals(1, sum(threads.invokeAll(calls)), "calls that recorded " + id);
            }
        } finally {
            threads.shutdown();
        }
    }
}
