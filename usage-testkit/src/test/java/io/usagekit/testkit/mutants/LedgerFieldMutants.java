package io.usagekit.testkit.mutants;

import static io.usagekit.testkit.mutants.EventRepositoryMutantsTest.mutant;
import static io.usagekit.testkit.mutants.LedgerRecordingMutants.copyNew;

import io.usagekit.UsageKey;
import io.usagekit.events.Delivery;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.testkit.internal.DeliveryCopy;
import io.usagekit.testkit.internal.EventCopy;
import io.usagekit.testkit.mutants.EventRepositoryMutantsTest.Adapter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Ledgers that have all fields of events and deliveries, but lose some on one of the ways. */
final class LedgerFieldMutants {

    private LedgerFieldMutants() {}

    static List<Mutant<Adapter>> all() {
        return Stream.of(wrongEvents(), wrongUpdateTimes(), wrongDeliveries(), wrongExports())
                .flatMap(List::stream)
                .toList();
    }

    private static Event withoutMetadata(Event event) {
        return EventCopy.of(event).metadata("").build();
    }

    private static Page<Event> withoutMetadata(Page<Event> page) {
        return new Page<>(
                page.items().stream().map(LedgerFieldMutants::withoutMetadata).toList(), page.next(), page.previous());
    }

    /** A ledger whose {@code find} returns changed events. */
    private static Mutant<Adapter> found(String fault, String check, UnaryOperator<Event> change) {
        return mutant(fault, check, ledger -> new ForwardingEventRepository(ledger) {
            @Override
            public Optional<Event> find(String projectId, String eventId) {
                return right.find(projectId, eventId).map(change);
            }
        });
    }

    private static List<Mutant<Adapter>> wrongEvents() {
        String paths = "returnsFieldsWherePathsOfRecordingAndReadingDiffer";
        return List.of(
                mutant("lists without metadata", paths, ledger -> new ForwardingEventRepository(ledger) {
                    @Override
                    public List<Event> recordAll(List<NewEvent> events) {
                        return right.recordAll(
                                events.size() == 1
                                        ? events
                                        : events.stream()
                                                .map(event -> copyNew(event)
                                                        .metadata("")
                                                        .build())
                                                .toList());
                    }
                }),
                mutant(
                        "pages with a filter without metadata",
                        "returnsFieldsInPagesOfEachFilter",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public Page<Event> page(String projectId, EventFilter filter, PageRequest request) {
                                Page<Event> page = right.page(projectId, filter, request);
                                return filter.equals(EventFilter.ALL) ? page : withoutMetadata(page);
                            }
                        }),
                mutant("pages behind figures without metadata", paths, ledger -> new ForwardingEventRepository(ledger) {
                    @Override
                    public Page<Event> received(UsageKey key, PageRequest request) {
                        return withoutMetadata(right.received(key, request));
                    }
                }),
                found(
                        "metadata that a new status removes",
                        "keepsFieldsWhenStatusChangesAndEventIsDeleted",
                        event -> event.status().equals("Done") ? withoutMetadata(event) : event));
    }

    private static Event withoutUpdate(Event event) {
        return EventCopy.of(event).updatedAt(Optional.empty()).build();
    }

    private static List<Mutant<Adapter>> wrongUpdateTimes() {
        String check = "saysWhenEventWasLastChanged";
        return List.of(
                mutant("changes of endpoints without a time", check, ledger -> new ForwardingEventRepository(ledger) {
                    @Override
                    public Optional<Event> find(String projectId, String eventId) {
                        return right.find(projectId, eventId)
                                .map(event -> endpointIds(projectId, eventId).isEmpty() ? event : withoutUpdate(event));
                    }
                }),
                found(
                        "deletions without a time of their own",
                        check,
                        event -> event.deletedAt().isEmpty() ? event : withoutUpdate(event)),
                mutant(
                        "a change in another project that counts",
                        check,
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public boolean updateStatus(String projectId, String eventId, String status) {
                                boolean isThere = right.updateStatus(projectId, eventId, status);
                                right.updateStatus("project-1", eventId, status);
                                return isThere;
                            }
                        }));
    }

    private static List<Mutant<Adapter>> wrongDeliveries() {
        String failures = "updatesFailureReasonWithStatusAndKeepsItOtherwise";
        return List.of(
                mutant(
                        "deliveries without a failure reason",
                        "findsRecordedDeliveryWithEveryField",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public List<Delivery> recordDeliveries(List<NewDelivery> deliveries) {
                                return right.recordDeliveries(deliveries).stream()
                                        .map(d -> DeliveryCopy.withStatus(d, d.status(), "", d.updatedAt()))
                                        .toList();
                            }
                        }),
                mutant(
                        "a status that removes the failure reason",
                        failures,
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public boolean updateDeliveryStatus(String projectId, String deliveryId, String status) {
                                return right.updateDeliveryStatus(projectId, deliveryId, status, "");
                            }
                        }),
                mutant(
                        "a success with a failure reason",
                        "removesFailureReasonOfDeliveryThatSucceeds",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public boolean updateDeliveryStatus(String projectId, String deliveryId, String status) {
                                String reason = right.findDelivery(projectId, deliveryId)
                                        .map(Delivery::failureReason)
                                        .orElse("");
                                return right.updateDeliveryStatus(projectId, deliveryId, status, reason);
                            }
                        }),
                mutant("a failure reason that stays", failures, ledger -> new ForwardingEventRepository(ledger) {
                    @Override
                    public boolean updateDeliveryStatus(
                            String projectId, String deliveryId, String status, String failureReason) {
                        return right.updateDeliveryStatus(projectId, deliveryId, status);
                    }
                }),
                mutant("a failure reason in any project", failures, ledger -> new ForwardingEventRepository(ledger) {
                    @Override
                    public boolean updateDeliveryStatus(
                            String projectId, String deliveryId, String status, String failureReason) {
                        return right.updateDeliveryStatus("project-1", deliveryId, status, failureReason);
                    }
                }),
                mutant(
                        "changes of deliveries without a time",
                        "saysWhenStatusOfDeliveryWasLastSet",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public Optional<Delivery> findDelivery(String projectId, String deliveryId) {
                                return right.findDelivery(projectId, deliveryId)
                                        .map(d -> DeliveryCopy.withStatus(
                                                d, d.status(), d.failureReason(), Optional.empty()));
                            }
                        }));
    }

    /** A ledger whose exports have another text in the place of one. */
    private static Mutant<Adapter> exported(String fault, String text, String replacement) {
        return mutant(fault, "exportsFieldsThatAnEventHas", ledger -> new ForwardingEventRepository(ledger) {
            @Override
            public ExportResult export(ExportRequest request, OutputStream sink) {
                ByteArrayOutputStream whole = new ByteArrayOutputStream();
                ExportResult result = right.export(request, whole);
                try {
                    sink.write(whole.toString(StandardCharsets.UTF_8)
                            .replace(text, replacement)
                            .getBytes(StandardCharsets.UTF_8));
                    sink.flush();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                return result;
            }
        });
    }

    private static List<Mutant<Adapter>> wrongExports() {
        return List.of(
                exported("an export without a field", "\"url_path\":\"/in\",", ""),
                exported("an export with the first value of each header", "\"x-b\":[\"2\",\"\"]", "\"x-b\":\"2\""),
                exported(
                        "an export with empty fields",
                        "\"headers\":{},\"raw\"",
                        "\"headers\":{},\"url_path\":\"\",\"raw\""));
    }
}
