package io.usagekit.testkit.mutants;

import static io.usagekit.testkit.mutants.EventRepositoryMutantsTest.mutant;
import static io.usagekit.testkit.mutants.LedgerRecordingMutants.copyNew;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.testkit.InMemoryEventRepository;
import io.usagekit.testkit.mutants.EventRepositoryMutantsTest.Adapter;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/** Ledgers that search or delete wrongly. */
final class LedgerDeletionMutants {

    private LedgerDeletionMutants() {}

    static List<Mutant<Adapter>> all() {
        return Stream.of(wrongSearches(), wrongDeletions())
                .flatMap(List::stream)
                .toList();
    }

    private static List<Mutant<Adapter>> wrongSearches() {
        return List.of(
                mutant(
                        "found before they are tokenised",
                        "findsEventsByWordsOnceTokenised",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public List<Event> recordAll(List<NewEvent> events) {
                                List<Event> recorded = right.recordAll(events);
                                recorded.forEach(event -> right.tokenise(event.projectId(), EventWindow.ALL));
                                return recorded;
                            }
                        }),
                mutant(
                        "tokenised ones count again",
                        "findsEventsByWordsOnceTokenised",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public long tokenise(String projectId, EventWindow window) {
                                right.tokenise(projectId, window);
                                return right.count(
                                        projectId,
                                        EventFilter.builder().window(window).build());
                            }
                        }),
                mutant(
                        "all events are tokenised",
                        "tokenisesAndDeletesTokensOfOneWindowOnly",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public long tokenise(String projectId, EventWindow window) {
                                return right.tokenise(projectId, EventWindow.ALL);
                            }
                        }),
                mutant(
                        "all tokens are deleted",
                        "tokenisesAndDeletesTokensOfOneWindowOnly",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public long deleteTokens(String projectId, EventWindow window) {
                                return right.deleteTokens(projectId, EventWindow.ALL);
                            }
                        }),
                mutant(
                        "one batch is tokenised",
                        "tokenisesMoreThanOneBatchInOneCall",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public long tokenise(String projectId, EventWindow window) {
                                return Math.min(1_000, right.tokenise(projectId, window));
                            }
                        }),
                mutant(
                        "a text without words finds all",
                        "findsNothingForTextWithoutWordsAndAllForAbsentText",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public Page<Event> page(String projectId, EventFilter filter, PageRequest request) {
                                return right.page(
                                        projectId,
                                        filter.text().equals(Optional.of("")) ? EventFilter.ALL : filter,
                                        request);
                            }
                        }),
                mutant(
                        "the whole text is searched",
                        "findsWordsOfFirst100000CharactersOnly",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public List<Event> recordAll(List<NewEvent> events) {
                                return right.recordAll(events.stream()
                                        .map(event -> copyNew(event)
                                                .payload(Payload.of(
                                                        event.payload().raw().replace("😀 ", "")))
                                                .build())
                                        .toList());
                            }
                        }),
                mutant(
                        "100,000 code units of the text are searched",
                        "findsWordsOfFirst100000CharactersOnly",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public List<Event> recordAll(List<NewEvent> events) {
                                return right.recordAll(events.stream()
                                        .map(event -> copyNew(event)
                                                .payload(Payload.of(
                                                        event.payload().raw().substring(0, 90_000)))
                                                .build())
                                        .toList());
                            }
                        }));
    }

    private static Mutant<Adapter> deletion(
            String fault, String check, BiFunction<InMemoryEventRepository, EventWindow, Long> delete) {
        return mutant(fault, check, ledger -> new ForwardingEventRepository(ledger) {
            @Override
            public long delete(String projectId, EventWindow window) {
                return delete.apply(right, window);
            }
        });
    }

    private static List<Mutant<Adapter>> wrongDeletions() {
        String soft = "excludesSoftDeletedEventsFromReceivedButNotFromSent";
        return List.of(
                deletion(
                        "a soft deletion deletes for good",
                        soft,
                        (ledger, window) -> ledger.deleteForGood("project-1", window)),
                deletion(
                        "the window of a deletion is ignored",
                        soft,
                        (ledger, window) -> ledger.delete("project-1", EventWindow.ALL)),
                deletion("nothing is deleted", soft, (ledger, window) -> 0L),
                deletion(
                        "one batch is deleted",
                        "deletesMoreThanOneBatchInOneCall",
                        (ledger, window) -> Math.min(1_000, ledger.delete("project-1", window))),
                mutant(
                        "nothing is deleted for good",
                        "keepsEventsWithDeliveriesWhenDeletingForGood",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public long deleteForGood(String projectId, EventWindow window) {
                                return 0;
                            }
                        }),
                mutant(
                        "the window of a deletion for good is ignored",
                        "keepsEventsWithDeliveriesWhenDeletingForGood",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public long deleteForGood(String projectId, EventWindow window) {
                                return right.deleteForGood(projectId, EventWindow.ALL);
                            }
                        }),
                mutant(
                        "a deleted event keeps its key",
                        "freesIdempotencyKeyOfDeletedEvent",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public boolean isRecorded(String projectId, String idempotencyKey) {
                                return right.count(
                                                projectId,
                                                EventFilter.builder()
                                                        .state(EventFilter.State.ANY)
                                                        .idempotencyKey(idempotencyKey)
                                                        .build())
                                        > 0;
                            }
                        }));
    }
}
