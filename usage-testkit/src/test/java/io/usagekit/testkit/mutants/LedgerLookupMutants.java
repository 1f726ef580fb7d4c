package io.usagekit.testkit.mutants;

import static io.usagekit.testkit.mutants.EventRepositoryMutantsTest.mutant;

import io.usagekit.events.Delivery;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventWindow;
import io.usagekit.events.Source;
import io.usagekit.events.SourcedEvent;
import io.usagekit.testkit.InMemoryEventRepository;
import io.usagekit.testkit.mutants.EventRepositoryMutantsTest.Adapter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Ledgers that find, update or count wrongly. */
final class LedgerLookupMutants {

    private LedgerLookupMutants() {}

    static List<Mutant<Adapter>> all() {
        return Stream.of(wrongLookups(), wrongUpdates(), wrongCounts())
                .flatMap(List::stream)
                .toList();
    }

    private static Mutant<Adapter> foundAll(
            String fault, String check, BiFunction<InMemoryEventRepository, Collection<String>, List<Event>> find) {
        return mutant(fault, check, ledger -> new ForwardingEventRepository(ledger) {
            @Override
            public List<Event> findAll(String projectId, Collection<String> eventIds) {
                return find.apply(right, eventIds);
            }
        });
    }

    private static List<Mutant<Adapter>> wrongLookups() {
        return List.of(
                foundAll(
                        "events of any project",
                        "findsNothingMissingOrOfAnotherProject",
                        (ledger, ids) -> ledger.findAll("project-1", ids)),
                foundAll(
                        "found in the order of ids",
                        "findsAllInRequestedOrderWithoutRepeats",
                        (ledger, ids) -> ledger.findAll(
                                "project-1", ids.stream().sorted().toList())),
                foundAll(
                        "found as often as requested",
                        "findsAllInRequestedOrderWithoutRepeats",
                        (ledger, ids) -> ids.stream()
                                .flatMap(id -> ledger.findAll("project-1", List.of(id)).stream())
                                .toList()),
                mutant(
                        "the source of another project",
                        "findsEventWithItsSourceWhenSaved",
                        ledger -> new ForwardingEventRepository(ledger) {
                            private final Map<String, Source> sources = new ConcurrentHashMap<>();

                            @Override
                            public void save(Source source) {
                                sources.put(source.id(), source);
                            }

                            @Override
                            public Optional<SourcedEvent> findWithSource(String projectId, String eventId) {
                                return right.find(projectId, eventId)
                                        .map(event -> new SourcedEvent(
                                                event, Optional.ofNullable(sources.get(event.sourceId()))));
                            }
                        }),
                mutant(
                        "no event without a source",
                        "findsEventWithItsSourceWhenSaved",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public Optional<SourcedEvent> findWithSource(String projectId, String eventId) {
                                return right.findWithSource(projectId, eventId)
                                        .filter(found -> found.source().isPresent());
                            }
                        }),
                mutant(
                        "endpoints in falling order",
                        "findsRecordedEventWithEveryField",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public List<String> endpointIds(String projectId, String eventId) {
                                List<String> ids = new ArrayList<>(right.endpointIds(projectId, eventId));
                                Collections.reverse(ids);
                                return ids;
                            }
                        }),
                mutant(
                        "deliveries of any project",
                        "findsRecordedDeliveryWithEveryField",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public Optional<Delivery> findDelivery(String projectId, String deliveryId) {
                                return right.findDelivery("project-1", deliveryId);
                            }
                        }));
    }

    private static List<Mutant<Adapter>> wrongUpdates() {
        return List.of(
                mutant("endpoints are added", "replacesEndpoints", ledger -> new ForwardingEventRepository(ledger) {
                    @Override
                    public boolean updateEndpoints(String projectId, String eventId, Collection<String> endpointIds) {
                        List<String> all = new ArrayList<>(right.endpointIds(projectId, eventId));
                        all.addAll(endpointIds);
                        return right.updateEndpoints(projectId, eventId, all);
                    }
                }),
                mutant(
                        "no endpoints are no change",
                        "replacesEndpoints",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public boolean updateEndpoints(
                                    String projectId, String eventId, Collection<String> endpointIds) {
                                return endpointIds.isEmpty() || right.updateEndpoints(projectId, eventId, endpointIds);
                            }
                        }),
                mutant(
                        "a status of a missing event",
                        "replacesStatuses",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public boolean updateStatus(String projectId, String eventId, String status) {
                                return right.updateStatus(projectId, eventId, status) || !eventId.isEmpty();
                            }
                        }),
                mutant("statuses of any project", "replacesStatuses", ledger -> new ForwardingEventRepository(ledger) {
                    @Override
                    public boolean updateStatus(String projectId, String eventId, String status) {
                        return right.updateStatus("project-1", eventId, status);
                    }
                }),
                mutant(
                        "a delivery's status stays",
                        "replacesStatuses",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public boolean updateDeliveryStatus(String projectId, String deliveryId, String status) {
                                return right.findDelivery(projectId, deliveryId).isPresent();
                            }
                        }));
    }

    private static Mutant<Adapter> counted(String fault, String check, UnaryOperator<EventFilter> change) {
        return mutant(fault, check, ledger -> new ForwardingEventRepository(ledger) {
            @Override
            public long count(String projectId, EventFilter filter) {
                return right.count(projectId, change.apply(filter));
            }
        });
    }

    private static EventFilter window(EventFilter filter, EventWindow window) {
        return filter.equals(EventFilter.ALL)
                ? filter
                : EventFilter.builder().window(window).build();
    }

    private static List<Mutant<Adapter>> wrongCounts() {
        return List.of(
                counted("the filter is ignored", "requiresEveryFilter", filter -> EventFilter.ALL),
                counted(
                        "one condition suffices",
                        "requiresEveryFilter",
                        filter -> filter.type().isPresent()
                                ? EventFilter.builder()
                                        .type(filter.type().get())
                                        .build()
                                : filter),
                counted(
                        "the empty text is no condition",
                        "matchesEmptyFilterToEmptyFieldAndAbsentFilterToAll",
                        filter -> filter.type().equals(Optional.of("")) ? EventFilter.ALL : filter),
                counted(
                        "no ids are no condition",
                        "matchesEmptyFilterToEmptyFieldAndAbsentFilterToAll",
                        filter -> filter.endpointIds().filter(Set::isEmpty).isPresent() ? EventFilter.ALL : filter),
                counted(
                        "the window with its end",
                        "countsHalfOpenWindowToTheMicrosecond",
                        filter -> window(
                                filter,
                                new EventWindow(
                                        filter.window().from(),
                                        filter.window().before().map(at -> at.plusNanos(1_000))))),
                counted(
                        "the window without its start",
                        "countsHalfOpenWindowToTheMicrosecond",
                        filter -> window(
                                filter,
                                new EventWindow(
                                        filter.window().from().map(at -> at.plusNanos(1_000)),
                                        filter.window().before()))),
                counted(
                        "deleted events count",
                        "excludesSoftDeletedEventsFromReceivedButNotFromSent",
                        filter -> EventFilter.builder()
                                .state(EventFilter.State.ANY)
                                .build()));
    }
}
