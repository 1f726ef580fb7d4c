package io.usagekit.testkit.mutants;

import static io.usagekit.testkit.mutants.EventRepositoryMutantsTest.mutant;

import io.usagekit.events.EventLedgerException;
import io.usagekit.events.NewEvent;
import io.usagekit.events.RecordingResult;
import io.usagekit.testkit.InMemoryEventRepository;
import io.usagekit.testkit.internal.EventCopy;
import io.usagekit.testkit.mutants.EventRepositoryMutantsTest.Adapter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/** Ledgers that record wrongly what isn't recorded yet. */
final class LedgerRecordNewMutants {

    private LedgerRecordNewMutants() {}

    private interface Recorder {
        RecordingResult recordNew(InMemoryEventRepository ledger, List<NewEvent> events);
    }

    private static Mutant<Adapter> recordedNew(String fault, String check, Recorder recorder) {
        return mutant(fault, check, ledger -> new ForwardingEventRepository(ledger) {
            @Override
            public RecordingResult recordNew(List<NewEvent> events) {
                return recorder.recordNew(right, events);
            }
        });
    }

    static List<Mutant<Adapter>> all() {
        String check = "recordsTheRestAndReturnsWhatIsRecordedAlready";
        return List.of(
                recordedNew("what is recorded already isn't returned", check, (ledger, events) -> {
                    RecordingResult result = ledger.recordNew(events);
                    return new RecordingResult(result.recorded(), List.of());
                }),
                recordedNew("the last of events with one id is recorded", check, (ledger, events) -> {
                    List<NewEvent> reversed = new ArrayList<>(events);
                    Collections.reverse(reversed);
                    return ledger.recordNew(reversed);
                }),
                recordedNew("endpoints of what is recorded already are replaced", check, (ledger, events) -> {
                    RecordingResult result = ledger.recordNew(events);
                    events.stream()
                            .filter(event -> result.recordedAlready().contains(event.id()))
                            .forEach(event ->
                                    ledger.updateEndpoints(event.projectId(), event.id(), event.endpointIds()));
                    return result;
                }),
                recordedNew(
                        "recorded in the order of ids",
                        "recordsTheRestOfALongListInOrder",
                        (ledger, events) -> ledger.recordNew(events.stream()
                                .sorted(Comparator.comparing(NewEvent::id))
                                .toList())),
                recordedNew(
                        "an id of another project is recorded already",
                        "recordsNothingWhenAnotherProjectHasAnId",
                        (ledger, events) -> {
                            try {
                                return ledger.recordNew(events);
                            } catch (EventLedgerException e) {
                                return new RecordingResult(List.of(), ids(events));
                            }
                        }),
                recordedNew(
                        "keys of what is recorded already count",
                        "marksDuplicatesByWhatIsInTheLedgerAndByWhatIsRecorded",
                        (ledger, events) -> {
                            Set<String> keys = new HashSet<>();
                            Set<String> repeated = new HashSet<>();
                            for (NewEvent event : events) {
                                if (!keys.add(event.idempotencyKey())) {
                                    repeated.add(event.id());
                                }
                            }
                            RecordingResult result = ledger.recordNew(events);
                            return new RecordingResult(
                                    result.recorded().stream()
                                            .map(event -> EventCopy.of(event)
                                                    .duplicate(repeated.contains(event.id()))
                                                    .build())
                                            .toList(),
                                    result.recordedAlready());
                        }),
                recordedNew(
                        "a look, and a list that is refused",
                        "recordsEachEventOnceWhenListsOverlapConcurrently",
                        LedgerRecordNewMutants::lookAndRecordAll),
                recordedNew(
                        "an error is taken for what is recorded already",
                        check,
                        (ledger, events) -> recordAll(ledger, events, ids(events))));
    }

    private static RecordingResult lookAndRecordAll(InMemoryEventRepository ledger, List<NewEvent> events) {
        List<NewEvent> missing = events.stream()
                .filter(event -> ledger.find(event.projectId(), event.id()).isEmpty())
                .toList();
        LockSupport.parkNanos(5_000_000);
        List<String> others = new ArrayList<>(ids(events));
        others.removeAll(ids(missing));
        return recordAll(ledger, missing, others);
    }

    private static RecordingResult recordAll(
            InMemoryEventRepository ledger, List<NewEvent> events, List<String> others) {
        try {
            return new RecordingResult(ledger.recordAll(events), others);
        } catch (EventLedgerException e) {
            return new RecordingResult(List.of(), others);
        }
    }

    private static List<String> ids(List<NewEvent> events) {
        return events.stream().map(NewEvent::id).toList();
    }
}
