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
import io.usagekit.testkit.InMemoryEventRepository;
import io.usagekit.testkit.mutants.EventRepositoryMutantsTest.Adapter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/** Ledgers that have all fields of events, but lose some on one of the ways. */
final class LedgerFieldMutants {

    private static final String UPDATES = "saysWhenEventWasLastChanged";
    private static final String FAILURES = "updatesFailureReasonWithStatusAndKeepsItOtherwise";

    private LedgerFieldMutants() {}

    static List<Mutant<Adapter>> all() {
        return List.of(
                mutant(
                        "deliveries without a failure reason",
                        "findsRecordedDeliveryWithEveryField",
                        DeliveriesWithout::new),
                mutant("a status that removes the failure reason", FAILURES, StatusRemovesReason::new),
                mutant(
                        "a success with a failure reason",
                        "removesFailureReasonOfDeliveryThatSucceeds",
                        SuccessKeepsReason::new),
                mutant("a failure reason that stays", FAILURES, ReasonStays::new),
                mutant("a failure reason in any project", FAILURES, ReasonInAnyProject::new),
                mutant(
                        "changes of deliveries without a time",
                        "saysWhenStatusOfDeliveryWasLastSet",
                        UndatedStatuses::new),
                mutant("changes of endpoints without a time", UPDATES, UndatedEndpoints::new),
                mutant("deletions without a time of their own", UPDATES, UndatedDeletions::new),
                mutant("a change in another project that counts", UPDATES, ChangesInAnyProject::new),
                mutant("lists without fields", "returnsFieldsWherePathsOfRecordingAndReadingDiffer", ListsWithout::new),
                mutant("pages without fields", "returnsFieldsInPagesOfEachFilter", PagesWithout::new),
                mutant(
                        "pages behind figures without fields",
                        "returnsFieldsWherePathsOfRecordingAndReadingDiffer",
                        ReceivedWithout::new),
                mutant(
                        "fields that a new status removes",
                        "keepsFieldsWhenStatusChangesAndEventIsDeleted",
                        StatusRemoves::new),
                mutant(
                        "an export without a field",
                        "exportsFieldsThatAnEventHas",
                        right -> new Exports(right, "\"url_path\":\"/in\",", "")),
                mutant(
                        "an export with the first value of each header",
                        "exportsFieldsThatAnEventHas",
                        right -> new Exports(right, "\"x-b\":[\"2\",\"\"]", "\"x-b\":\"2\"")),
                mutant(
                        "an export with empty fields",
                        "exportsFieldsThatAnEventHas",
                        right -> new Exports(
                                right, "\"headers\":{},\"raw\"", "\"headers\":{},\"url_path\":\"\",\"raw\"")));
    }

    private static Event withoutFields(Event event) {
        return new Event(
                event.id(),
                event.projectId(),
                event.type(),
                event.payload(),
                event.headers(),
                event.sourceId(),
                event.idempotencyKey(),
                event.duplicate(),
                event.status(),
                event.bytes(),
                event.createdAt(),
                event.deletedAt());
    }

    private static Page<Event> withoutFields(Page<Event> page) {
        return new Page<>(
                page.items().stream().map(LedgerFieldMutants::withoutFields).toList(), page.previous(), page.next());
    }

    private static final class DeliveriesWithout extends ForwardingEventRepository {
        DeliveriesWithout(InMemoryEventRepository right) {
            super(right);
        }

        @Override
        public List<Delivery> recordDeliveries(List<NewDelivery> deliveries) {
            return right.recordDeliveries(deliveries.stream()
                    .map(d -> new NewDelivery(
                            d.id(),
                            d.projectId(),
                            d.eventId(),
                            d.endpointId(),
                            d.status(),
                            d.createdAt(),
                            "",
                            d.metadata()))
                    .toList());
        }
    }

    private static final class StatusRemovesReason extends ForwardingEventRepository {
        StatusRemovesReason(InMemoryEventRepository right) {
            super(right);
        }

        @Override
        public boolean updateDeliveryStatus(String projectId, String deliveryId, String status) {
            return right.updateDeliveryStatus(projectId, deliveryId, status, "");
        }
    }

    private static final class SuccessKeepsReason extends ForwardingEventRepository {
        SuccessKeepsReason(InMemoryEventRepository right) {
            super(right);
        }

        @Override
        public boolean updateDeliveryStatus(String projectId, String deliveryId, String status) {
            String reason = right.findDelivery(projectId, deliveryId)
                    .map(Delivery::failureReason)
                    .orElse("");
            return right.updateDeliveryStatus(projectId, deliveryId, status, reason);
        }
    }

    private static final class ReasonStays extends ForwardingEventRepository {
        ReasonStays(InMemoryEventRepository right) {
            super(right);
        }

        @Override
        public boolean updateDeliveryStatus(String projectId, String deliveryId, String status, String failureReason) {
            return right.updateDeliveryStatus(projectId, deliveryId, status);
        }
    }

    private static final class ReasonInAnyProject extends ForwardingEventRepository {
        ReasonInAnyProject(InMemoryEventRepository right) {
            super(right);
        }

        @Override
        public boolean updateDeliveryStatus(String projectId, String deliveryId, String status, String failureReason) {
            return right.updateDeliveryStatus("project-1", deliveryId, status, failureReason);
        }
    }

    private static final class UndatedStatuses extends ForwardingEventRepository {
        UndatedStatuses(InMemoryEventRepository right) {
            super(right);
        }

        @Override
        public Optional<Delivery> findDelivery(String projectId, String deliveryId) {
            return right.findDelivery(projectId, deliveryId)
                    .map(d -> new Delivery(
                            d.id(), d.projectId(), d.eventId(), d.endpointId(), d.status(), d.createdAt()));
        }
    }

    private static final class UndatedEndpoints extends ForwardingEventRepository {
        UndatedEndpoints(InMemoryEventRepository right) {
            super(right);
        }

        @Override
        public Optional<Event> find(String projectId, String eventId) {
            return right.find(projectId, eventId)
                    .map(event -> endpointIds(projectId, eventId).isEmpty() ? event : withoutFields(event));
        }
    }

    private static final class UndatedDeletions extends ForwardingEventRepository {
        UndatedDeletions(InMemoryEventRepository right) {
            super(right);
        }

        @Override
        public Optional<Event> find(String projectId, String eventId) {
            return right.find(projectId, eventId)
                    .map(event -> event.deletedAt().isEmpty() ? event : withoutFields(event));
        }
    }

    private static final class ChangesInAnyProject extends ForwardingEventRepository {
        ChangesInAnyProject(InMemoryEventRepository right) {
            super(right);
        }

        @Override
        public boolean updateStatus(String projectId, String eventId, String status) {
            boolean isThere = right.updateStatus(projectId, eventId, status);
            right.updateStatus("project-1", eventId, status);
            return isThere;
        }
    }

    private static final class ListsWithout extends ForwardingEventRepository {
        ListsWithout(InMemoryEventRepository right) {
            super(right);
        }

        @Override
        public List<Event> recordAll(List<NewEvent> events) {
            return right.recordAll(
                    events.size() == 1
                            ? events
                            : events.stream()
                                    .map(event -> copyNew(event).metadata("").build())
                                    .toList());
        }
    }

    private static final class PagesWithout extends ForwardingEventRepository {
        PagesWithout(InMemoryEventRepository right) {
            super(right);
        }

        @Override
        public Page<Event> page(String projectId, EventFilter filter, PageRequest request) {
            Page<Event> page = right.page(projectId, filter, request);
            return filter.equals(EventFilter.ALL) ? page : withoutFields(page);
        }
    }

    private static final class ReceivedWithout extends ForwardingEventRepository {
        ReceivedWithout(InMemoryEventRepository right) {
            super(right);
        }

        @Override
        public Page<Event> received(UsageKey key, PageRequest request) {
            return withoutFields(right.received(key, request));
        }
    }

    private static final class StatusRemoves extends ForwardingEventRepository {
        StatusRemoves(InMemoryEventRepository right) {
            super(right);
        }

        @Override
        public Optional<Event> find(String projectId, String eventId) {
            return right.find(projectId, eventId)
                    .map(event -> event.status().equals("Done") ? withoutFields(event) : event);
        }
    }

    /** A ledger whose exports have another text in the place of one. */
    private static final class Exports extends ForwardingEventRepository {
        private final String text;
        private final String replacement;

        Exports(InMemoryEventRepository right, String text, String replacement) {
            super(right);
            this.text = text;
            this.replacement = replacement;
        }

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
    }
}
