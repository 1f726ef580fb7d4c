package io.usagekit.testkit.mutants;

import static io.usagekit.testkit.mutants.EventRepositoryMutantsTest.mutant;

import io.usagekit.events.Delivery;
import io.usagekit.events.Duplicates;
import io.usagekit.events.Endpoint;
import io.usagekit.events.Event;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.testkit.InMemoryEventRepository;
import io.usagekit.testkit.internal.EventCopy;
import io.usagekit.testkit.mutants.EventRepositoryMutantsTest.Adapter;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Ledgers that record wrongly. */
final class LedgerRecordingMutants {

    private LedgerRecordingMutants() {}

    static List<Mutant<Adapter>> all() {
        return Stream.of(wrongRecords(), wrongDuplicates(), wrongTransactions())
                .flatMap(List::stream)
                .toList();
    }

    private static Mutant<Adapter> given(String fault, String check, UnaryOperator<NewEvent> change) {
        return mutant(fault, check, ledger -> new ForwardingEventRepository(ledger) {
            @Override
            public List<Event> recordAll(List<NewEvent> events) {
                return right.recordAll(events.stream().map(change).toList());
            }
        });
    }

    static NewEvent.Builder copyNew(NewEvent event) {
        NewEvent.Builder copy = NewEvent.builder(event.projectId(), event.id())
                .type(event.type())
                .payload(event.payload())
                .headerValues(event.headerValues())
                .sourceId(event.sourceId())
                .idempotencyKey(event.idempotencyKey())
                .status(event.status())
                .endpointIds(event.endpointIds());
        event.createdAt().ifPresent(copy::createdAt);
        event.acknowledgedAt().ifPresent(copy::acknowledgedAt);
        return copy.urlPath(event.urlPath())
                .urlQueryParams(event.urlQueryParams())
                .metadata(event.metadata());
    }

    /** A ledger that returns changed events wherever it returns events by id. */
    private static Mutant<Adapter> returned(String fault, String check, UnaryOperator<Event> change) {
        return mutant(fault, check, ledger -> new ForwardingEventRepository(ledger) {
            @Override
            public List<Event> recordAll(List<NewEvent> events) {
                return right.recordAll(events).stream().map(change).toList();
            }

            @Override
            public List<Event> findAll(String projectId, Collection<String> eventIds) {
                return right.findAll(projectId, eventIds).stream().map(change).toList();
            }
        });
    }

    private static Map<String, Set<String>> distinctValues(Map<String, List<String>> headers) {
        return headers.entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, header -> new LinkedHashSet<>(header.getValue())));
    }

    private static List<Mutant<Adapter>> wrongRecords() {
        String check = "findsRecordedEventWithEveryField";
        return List.of(
                given(
                        "no headers",
                        check,
                        event -> copyNew(event).headers(Map.of()).build()),
                given(
                        "one text for all values of a header",
                        check,
                        event -> copyNew(event).headers(event.headers()).build()),
                given(
                        "values of a header without repetitions",
                        check,
                        event -> copyNew(event)
                                .headerValues(distinctValues(event.headerValues()))
                                .build()),
                given(
                        "no binary data",
                        check,
                        event -> copyNew(event)
                                .payload(Payload.of(event.payload().raw()))
                                .build()),
                given("no status", check, event -> copyNew(event).status("").build()),
                given("no path", check, event -> copyNew(event).urlPath("").build()),
                given(
                        "no query",
                        check,
                        event -> copyNew(event).urlQueryParams("").build()),
                given("no metadata", check, event -> copyNew(event).metadata("").build()),
                given(
                        "acknowledged when it was received",
                        check,
                        event -> copyNew(event)
                                .acknowledgedAt(event.createdAt().orElse(Instant.EPOCH))
                                .build()),
                given(
                        "no endpoints",
                        check,
                        event -> copyNew(event).endpointIds(List.of()).build()),
                given("the instant of recording for all", check, event -> {
                    NewEvent.Builder copy = NewEvent.builder(event.projectId(), event.id());
                    return copy.type(event.type())
                            .payload(event.payload())
                            .headerValues(event.headerValues())
                            .sourceId(event.sourceId())
                            .idempotencyKey(event.idempotencyKey())
                            .status(event.status())
                            .endpointIds(event.endpointIds())
                            .build();
                }),
                returned(
                        "bytes as characters",
                        check,
                        event -> EventCopy.of(event)
                                .bytes(event.payload().raw().length()
                                        + event.payload().data().length)
                                .build()),
                returned(
                        "instants in milliseconds",
                        check,
                        event -> EventCopy.of(event)
                                .createdAt(event.createdAt().truncatedTo(ChronoUnit.MILLIS))
                                .build()),
                mutant("ids in lower case", "distinguishesUnusualIds", ledger -> new ForwardingEventRepository(ledger) {
                    @Override
                    public List<Event> findAll(String projectId, Collection<String> eventIds) {
                        return right.findAll(
                                projectId,
                                eventIds.stream()
                                        .map(id -> id.toLowerCase(Locale.ROOT))
                                        .toList());
                    }
                }),
                mutant(
                        "recorded in the order of ids",
                        "recordsLongListInOrder",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public List<Event> recordAll(List<NewEvent> events) {
                                return right.recordAll(events.stream()
                                        .sorted(Comparator.comparing(NewEvent::id))
                                        .toList());
                            }
                        }));
    }

    /** A ledger that marks duplicates by keys that it keeps itself. */
    private static Mutant<Adapter> duplicates(String fault, String check, Function<NewEvent, Object> keyOf) {
        return mutant(fault, check, ledger -> new ForwardingEventRepository(ledger) {
            private final Set<Object> keys = ConcurrentHashMap.newKeySet();

            @Override
            public List<Event> recordAll(List<NewEvent> events) {
                List<Event> marked = new ArrayList<>();
                for (NewEvent given : events) {
                    Event event = right.record(given);
                    marked.add(EventCopy.of(event)
                            .duplicate(!keys.add(keyOf.apply(given)))
                            .build());
                }
                return marked;
            }
        });
    }

    private static List<Mutant<Adapter>> wrongDuplicates() {
        String check = "marksEventWithRepeatedKeyAsDuplicate";
        return List.of(
                returned(
                        "no duplicates",
                        check,
                        event -> EventCopy.of(event).duplicate(false).build()),
                duplicates("keys of all projects", check, NewEvent::idempotencyKey),
                duplicates(
                        "keys in lower case",
                        check,
                        event -> List.of(
                                event.projectId(), event.idempotencyKey().toLowerCase(Locale.ROOT))),
                duplicates(
                        "the empty key counts",
                        "marksNoDuplicateWithoutIdempotencyKey",
                        event -> List.of(event.projectId(), event.idempotencyKey())),
                mutant(
                        "a key is looked up and then recorded",
                        "marksAllButOneAsDuplicatesWhenRecordedConcurrently",
                        ledger -> new ForwardingEventRepository(ledger) {
                            private final Map<String, String> keys = new ConcurrentHashMap<>();

                            @Override
                            public List<Event> recordAll(List<NewEvent> events) {
                                List<Event> marked = new ArrayList<>();
                                for (NewEvent given : events) {
                                    boolean duplicate = keys.containsKey(given.idempotencyKey());
                                    LockSupport.parkNanos(1_000);
                                    keys.put(given.idempotencyKey(), given.id());
                                    Event event = right.record(given);
                                    marked.add(EventCopy.of(event)
                                            .duplicate(duplicate)
                                            .build());
                                }
                                return marked;
                            }
                        }),
                mutant(
                        "duplicates are always billed",
                        "recordsDuplicatesAsDeletedWhenUnbilled",
                        ledger -> new ForwardingEventRepository(
                                InMemoryEventRepository.create(Duplicates.BILLED, InstantSource.system()))),
                mutant(
                        "duplicates are never billed",
                        "keepsDuplicatesLiveWhenBilled",
                        ledger -> new ForwardingEventRepository(
                                InMemoryEventRepository.create(Duplicates.UNBILLED, InstantSource.system()))));
    }

    private static List<Mutant<Adapter>> wrongTransactions() {
        return List.of(
                mutant(
                        "events recorded one by one",
                        "recordsNothingWhenOneIdIsTaken",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public List<Event> recordAll(List<NewEvent> events) {
                                return events.stream().map(right::record).toList();
                            }
                        }),
                mutant(
                        "a taken id is skipped",
                        "recordsNothingWhenOneIdIsTaken",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public List<Event> recordAll(List<NewEvent> events) {
                                try {
                                    return right.recordAll(events);
                                } catch (EventLedgerException e) {
                                    return List.of();
                                }
                            }
                        }),
                mutant(
                        "an event with a taken id is recorded under another one",
                        "refusesTakenIdOfEventAtAnotherTime",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public List<Event> recordAll(List<NewEvent> events) {
                                try {
                                    return right.recordAll(events);
                                } catch (EventLedgerException e) {
                                    return right.recordAll(events.stream()
                                            .map(event -> NewEvent.builder(event.projectId(), event.id() + "-again")
                                                    .build())
                                            .toList());
                                }
                            }
                        }),
                mutant(
                        "an endpoint of another project is left without an error",
                        "refusesEndpointAndSourceOfAnotherProject",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public void save(Endpoint endpoint) {
                                try {
                                    right.save(endpoint);
                                } catch (EventLedgerException e) {
                                    return;
                                }
                            }
                        }),
                mutant(
                        "a missing project is added",
                        "recordsNothingWhenOneProjectIsMissing",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public List<Event> recordAll(List<NewEvent> events) {
                                events.forEach(event -> right.save(new Project(event.projectId(), "org-123", "")));
                                return right.recordAll(events);
                            }
                        }),
                mutant(
                        "deliveries recorded one by one",
                        "recordsNoDeliveryWhenOneIsRejected",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public List<Delivery> recordDeliveries(List<NewDelivery> deliveries) {
                                return deliveries.stream()
                                        .map(delivery -> right.recordDeliveries(List.of(delivery))
                                                .get(0))
                                        .toList();
                            }
                        }),
                mutant(
                        "a delivery without an event is skipped",
                        "recordsNoDeliveryWhenOneIsRejected",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public List<Delivery> recordDeliveries(List<NewDelivery> deliveries) {
                                try {
                                    return right.recordDeliveries(deliveries);
                                } catch (EventLedgerException e) {
                                    return List.of();
                                }
                            }
                        }));
    }
}
