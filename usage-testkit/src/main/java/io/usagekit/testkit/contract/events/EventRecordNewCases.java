package io.usagekit.testkit.contract.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.events.RecordingResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Cases of recording those events of a list that aren't recorded yet. */
abstract class EventRecordNewCases extends EventRepositoryFixture {

    EventRecordNewCases(EventRepositoryContract contract) {
        super(contract);
    }

    private static List<String> recordedIds(RecordingResult result) {
        return result.recorded().stream().map(Event::id).toList();
    }

    private static NewEvent keyed(String id, String key) {
        return event(id).idempotencyKey(key).build();
    }

    private static List<Boolean> duplicates(RecordingResult result) {
        return result.recorded().stream().map(Event::duplicate).toList();
    }

    @Test
    final void recordsTheRestAndReturnsWhatIsRecordedAlready() {
        Event live = recorded(event("live").payload(Payload.of("first")).endpointIds(List.of("one")));
        recorded(event("deleted").createdAt(NOW.minusSeconds(1)));
        ledger.delete(P, EventWindow.before(NOW));
        NewEvent again = event("live")
                .payload(Payload.of("second"))
                .createdAt(NOW.plus(Duration.ofDays(40)))
                .endpointIds(List.of("two"))
                .build();
        List<NewEvent> events = List.of(
                event("new").status("first").endpointIds(List.of("one", "two")).build(),
                again,
                NewEvent.builder(SIBLING, "another").build(),
                event("deleted").build(),
                event("new").status("second").build());

        RecordingResult result = ledger.recordNew(events);
        assertEquals(List.of("new", "another"), recordedIds(result));
        assertEquals(List.of("live", "deleted", "new"), result.recordedAlready());
        assertEquals(Optional.of(result.recorded().get(0)), ledger.find(P, "new"));
        assertEquals("first", result.recorded().get(0).status());
        assertEquals(List.of("one", "two"), ledger.endpointIds(P, "new"));
        assertEquals(Optional.of(live), ledger.find(P, "live"), "what is recorded already stays as it is");
        assertEquals(List.of("one"), ledger.endpointIds(P, "live"));
        assertTrue(ledger.find(P, "deleted").orElseThrow().deletedAt().isPresent(), "a deleted event stays deleted");
        assertEquals(2, ledger.countMessages(P));
        assertEquals(1, ledger.countMessages(SIBLING));

        assertEquals(
                new RecordingResult(List.of(), List.of("new", "live", "another", "deleted", "new")),
                ledger.recordNew(events),
                "all are recorded already");
        assertEquals(new RecordingResult(List.of(), List.of()), ledger.recordNew(List.of()));
    }

    @Test
    final void recordsTheRestOfALongListInOrder() {
        List<NewEvent> events = IntStream.range(0, 2_500)
                .mapToObj(n -> event("e" + n).endpointIds(List.of("endpoint")).build())
                .toList();
        ledger.recordAll(IntStream.range(0, 2_500)
                .filter(n -> n % 3 == 0)
                .mapToObj(events::get)
                .toList());
        RecordingResult result = ledger.recordNew(events);
        assertEquals(
                IntStream.range(0, 2_500)
                        .filter(n -> n % 3 != 0)
                        .mapToObj(n -> "e" + n)
                        .toList(),
                recordedIds(result));
        assertEquals(
                IntStream.range(0, 2_500)
                        .filter(n -> n % 3 == 0)
                        .mapToObj(n -> "e" + n)
                        .toList(),
                result.recordedAlready());
        assertEquals(2_500, ledger.countMessages(P));
    }

    @Test
    final void recordsNothingWhenAnotherProjectHasAnId() {
        recorded(NewEvent.builder(UNRELATED, "taken"));
        recorded(event("known"));
        NewEvent fine = event("fine").build();
        for (List<NewEvent> events : List.of(
                List.of(fine, event("known").build(), event("taken").build()),
                List.of(fine, NewEvent.builder(SIBLING, "fine").build()),
                List.of(fine, NewEvent.builder("nowhere", "n").build()))) {
            assertThrows(EventLedgerException.class, () -> ledger.recordNew(events), events::toString);
        }
        assertEquals(Optional.empty(), ledger.find(P, "fine"));
        assertEquals(1, ledger.countMessages(UNRELATED));
    }

    @Test
    final void marksDuplicatesByWhatIsInTheLedgerAndByWhatIsRecorded() {
        repeats(P, "live", "live");
        recorded(event("deleted").idempotencyKey("deleted").createdAt(NOW.minusSeconds(1)));
        ledger.delete(P, EventWindow.before(NOW));
        recorded(event("unkeyed"));
        RecordingResult result = ledger.recordNew(List.of(
                keyed("live", "live"),
                keyed("e1", "live"),
                keyed("deleted", "deleted"),
                keyed("e2", "deleted"),
                keyed("unkeyed", "another"),
                keyed("e3", "another"),
                keyed("e4", "another"),
                keyed("e3", "repeated"),
                keyed("e5", "repeated")));
        assertEquals(List.of("e1", "e2", "e3", "e4", "e5"), recordedIds(result));
        assertEquals(
                List.of(true, false, false, true, false),
                duplicates(result),
                "an event that is recorded already is no duplicate's first, unless the ledger has it with that key");
    }

    @Test
    final void recordsEachEventOnceWhenListsOverlapConcurrently() throws Exception {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        int callers = 6;
        ExecutorService threads = Executors.newFixedThreadPool(callers);
        try {
            for (int round = 0; round < 15; round++) {
                boolean areKeyed = round % 3 != 0;
                Set<String> ids = new HashSet<>();
                List<Callable<RecordingResult>> calls = new ArrayList<>();
                List<List<NewEvent>> lists = new ArrayList<>();
                for (int caller = 0; caller < callers; caller++) {
                    List<NewEvent> events = new ArrayList<>();
                    for (int n = 0; n < 40; n++) {
                        if (random.nextInt(4) > 0) {
                            String id = round + "-" + n;
                            ids.add(id);
                            events.add(event(id)
                                    .idempotencyKey(areKeyed ? round + "-key-" + n / 2 : "")
                                    .createdAt(NOW.plus(Duration.ofDays(random.nextInt(60))))
                                    .endpointIds(shuffled(List.of("one", "two", "three"), random))
                                    .build());
                        }
                    }
                    List<NewEvent> list = shuffled(events, random);
                    lists.add(list);
                    calls.add(() -> ledger.recordNew(list));
                }
                String where = "round " + round + " of seed " + seed;
                assertExact(where, lists, threads.invokeAll(calls), ids, areKeyed);
            }
        } finally {
            threads.shutdown();
        }
    }

    private static <T> List<T> shuffled(List<T> values, Random random) {
        List<T> shuffled = new ArrayList<>(values);
        Collections.shuffle(shuffled, random);
        return shuffled;
    }

    private void assertExact(
            String where,
            List<List<NewEvent>> lists,
            List<Future<RecordingResult>> calls,
            Set<String> ids,
            boolean areKeyed)
            throws Exception {
        Map<String, Integer> recorded = new HashMap<>();
        for (int caller = 0; caller < lists.size(); caller++) {
            RecordingResult result = calls.get(caller).get();
            assertEquals(
                    lists.get(caller).stream().map(NewEvent::id).sorted().toList(),
                    Stream.concat(result.recorded().stream().map(Event::id), result.recordedAlready().stream())
                            .sorted()
                            .toList(),
                    () -> "each event of a list is recorded, or was, in " + where);
            result.recorded().forEach(event -> recorded.merge(event.id(), 1, Integer::sum));
        }
        assertEquals(ids, recorded.keySet(), () -> "what the calls recorded, in " + where);
        assertEquals(Set.of(1), new HashSet<>(recorded.values()), () -> "how often an event was recorded, in " + where);
        if (areKeyed) {
            Map<String, Integer> firsts = new HashMap<>();
            for (String id : ids) {
                Event event = ledger.find(P, id).orElseThrow();
                firsts.merge(event.idempotencyKey(), event.duplicate() ? 0 : 1, Integer::sum);
            }
            assertEquals(
                    Set.of(1),
                    new HashSet<>(firsts.values()),
                    () -> "events of a key that aren't duplicates, " + where);
        }
    }

    @Test
    final void recordsTheRestBesideCallsThatRecordOneByOne() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(3);
        try {
            for (int round = 0; round < 10; round++) {
                String prefix = round + "-";
                List<NewEvent> events = IntStream.range(0, 30)
                        .mapToObj(n -> keyed(prefix + n, prefix + n % 7))
                        .toList();
                List<NewEvent> reversed = new ArrayList<>(events);
                Collections.reverse(reversed);
                Callable<Set<String>> oneByOne = () -> {
                    Set<String> recorded = new HashSet<>();
                    for (NewEvent event : reversed) {
                        try {
                            recorded.add(ledger.record(event).id());
                        } catch (EventLedgerException e) {
                            // The other calls record it.
                        }
                    }
                    return recorded;
                };
                List<String> ids = events.stream().map(NewEvent::id).toList();
                Queue<Integer> found = new ConcurrentLinkedQueue<>();
                Callable<Set<String>> rest = () -> {
                    RecordingResult result = ledger.recordNew(events);
                    found.add(ledger.findAll(P, ids).size());
                    return Set.copyOf(recordedIds(result));
                };
                List<Future<Set<String>>> calls = threads.invokeAll(List.of(oneByOne, rest, rest));
                int sum = 0;
                for (Future<Set<String>> call : calls) {
                    sum += call.get().size();
                }
                assertEquals(List.of(30, 30), List.copyOf(found), "events that are there once the call has returned");
                assertEquals(30, sum, "events that the calls recorded in round " + round);
            }
        } finally {
            threads.shutdown();
        }
        EventFilter all = EventFilter.builder().state(EventFilter.State.ANY).build();
        assertEquals(
                300,
                ledger.page(P, all, PageRequest.first(1_000, EventOrder.ASCENDING))
                        .items()
                        .size());
    }
}
