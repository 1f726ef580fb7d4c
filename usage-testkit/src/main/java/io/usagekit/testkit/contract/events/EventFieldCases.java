package io.usagekit.testkit.contract.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.Delivery;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.events.SentDelivery;
import io.usagekit.events.SourcedEvent;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Cases of the fields of events and deliveries: each is returned wherever the event or delivery is. */
abstract class EventFieldCases extends EventRepositoryFixture {

    private static final String QUERY = "a=1&a=2&b=%00&c=\"\\{},'";
    private static final String METADATA = "{\"a\": [1, null], \"a\": \"é😀\\n\"}\n";
    private static final UsageKey MARCH = new UsageKey(ORGANISATION, UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final PageRequest PAGE = PageRequest.first(10, EventOrder.ASCENDING);

    EventFieldCases(EventRepositoryContract contract) {
        super(contract);
    }

    private static Map<String, List<String>> headers(String messageId) {
        return Map.of(
                messageId,
                List.of("m-1"),
                "x-odd",
                List.of("\"\\\b\n\u0001é😀,{}"),
                "x-empty",
                List.of(""),
                "x-list",
                List.of("[\"1\", \"2\"]"),
                "x-several",
                List.of("2", "", "\"\\\n,[]", "1", "2"));
    }

    @Test
    final void findsRecordedEventWithEveryField() {
        Payload payload = Payload.of("{\"a\": \"é日😀\\n\"}\u0001", new byte[] {0, -1, 39, 92, 34});
        Event event = recorded(event("e")
                .type("push")
                .payload(payload)
                .headerValues(headers("X-Broker-Message-Id"))
                .sourceId("source-1")
                .idempotencyKey("key-1")
                .status("Processing")
                .endpointIds(List.of("endpoint-2", "endpoint-1", "endpoint-2"))
                .createdAt(Instant.parse("2026-03-01T00:00:00.000001999Z"))
                .acknowledgedAt(Instant.parse("2026-03-01T00:00:00.000002999Z"))
                .urlPath("/in/é%20日")
                .urlQueryParams(QUERY)
                .metadata(METADATA));

        assertEquals(
                new Event(
                        "e",
                        P,
                        "push",
                        payload,
                        headers("x-broker-message-id"),
                        "source-1",
                        "key-1",
                        false,
                        "Processing",
                        payload.octets(),
                        Instant.parse("2026-03-01T00:00:00.000001Z"),
                        Optional.empty(),
                        Optional.of(Instant.parse("2026-03-01T00:00:00.000002Z")),
                        Optional.empty(),
                        "/in/é%20日",
                        QUERY,
                        METADATA),
                event);
        assertEquals(Optional.of(event), ledger.find(P, "e"));
        assertEquals(List.of("endpoint-1", "endpoint-2"), ledger.endpointIds(P, "e"));
        assertEquals("m-1", event.brokerMessageId());
    }

    @Test
    final void recordsOmittedFieldsAsEmptyAndCreatedAtByTheClock() {
        clock.advance(Duration.ofNanos(1_999));
        Event event = recorded(event("e"));
        assertEquals(
                new Event(
                        "e",
                        P,
                        "",
                        Payload.EMPTY,
                        Map.of(),
                        "",
                        "",
                        false,
                        "",
                        0,
                        NOW.plusNanos(1_000),
                        Optional.empty()),
                event);
        assertEquals(Optional.of(event), ledger.find(P, "e"));
        assertEquals(List.of(), ledger.endpointIds(P, "e"));
    }

    private static NewEvent.Builder detailed(String id) {
        return event(id)
                .type("push")
                .headerValues(Map.of("x-id", List.of(id, "of " + id)))
                .acknowledgedAt(NOW.plusSeconds(1))
                .urlPath("/" + id)
                .urlQueryParams("id=" + id)
                .metadata("of " + id);
    }

    /** Whichever way an event is recorded, alone or in a list, with a key or without; those beside it may lack what it has. */
    @Test
    final void returnsFieldsWherePathsOfRecordingAndReadingDiffer() {
        List<Event> all = new ArrayList<>();
        all.add(recorded(detailed("a")));
        all.add(recorded(detailed("b").idempotencyKey("key")));
        all.addAll(ledger.recordAll(
                List.of(event("c").type("push").build(), detailed("d").build())));
        all.addAll(ledger.recordAll(List.of(
                detailed("e").idempotencyKey("key").build(),
                event("f").type("push").idempotencyKey("key").build())));
        all.addAll(ledger.recordNew(List.of(detailed("a").build(), detailed("g").build()))
                .recorded());

        for (Event event : all) {
            boolean isDetailed = !List.of("c", "f").contains(event.id());
            assertEquals(
                    isDetailed ? Map.of("x-id", List.of(event.id(), "of " + event.id())) : Map.of(),
                    event.headerValues());
            assertEquals(isDetailed ? "/" + event.id() : "", event.urlPath());
            assertEquals(isDetailed ? "id=" + event.id() : "", event.urlQueryParams());
            assertEquals(isDetailed ? "of " + event.id() : "", event.metadata());
            assertEquals(isDetailed ? Optional.of(NOW.plusSeconds(1)) : Optional.empty(), event.acknowledgedAt());
            assertEquals(Optional.of(event), ledger.find(P, event.id()));
        }
        assertEquals(Optional.of(all.get(1)), ledger.findFirst(P, "key"));
        assertEquals(Optional.of(new SourcedEvent(all.get(0), Optional.empty())), ledger.findWithSource(P, "a"));
        assertEquals(all, ledger.page(P, EventFilter.ALL, PAGE).items());
        assertEquals(all, ledger.received(MARCH, PAGE).items());
    }

    @Test
    final void returnsFieldsInPagesOfEachFilter() {
        Event event = recorded(detailed("e").payload(Payload.of("word")).endpointIds(List.of("endpoint")));
        ledger.tokenise(P, EventWindow.ALL);
        for (EventFilter.Builder filter : List.of(
                EventFilter.builder().type("push"),
                EventFilter.builder().endpointIds(List.of("endpoint")),
                EventFilter.builder().text("word"))) {
            assertEquals(List.of(event), ledger.page(P, filter.build(), PAGE).items());
        }
    }

    @Test
    final void keepsFieldsWhenStatusChangesAndEventIsDeleted() {
        Event event = recorded(detailed("e"));
        ledger.updateStatus(P, "e", "Done");
        ledger.delete(P, EventWindow.ALL);
        Event found = ledger.find(P, "e").orElseThrow();
        assertEquals("Done", found.status());
        assertEquals(event.headerValues(), found.headerValues());
        assertEquals(event.urlPath(), found.urlPath());
        assertEquals(event.urlQueryParams(), found.urlQueryParams());
        assertEquals(event.metadata(), found.metadata());
        assertEquals(event.acknowledgedAt(), found.acknowledgedAt());
    }

    @Test
    final void saysWhenEventWasLastChanged() {
        for (String id : List.of("status", "endpoints", "deleted", "unchanged")) {
            recorded(event(id)
                    .createdAt(id.equals("deleted") ? NOW.plusSeconds(60) : NOW)
                    .payload(Payload.of("text")));
        }
        clock.advance(Duration.ofNanos(1_999));
        assertTrue(ledger.updateStatus(P, "status", "Done"));
        assertTrue(ledger.updateEndpoints(P, "endpoints", List.of("endpoint")));
        ledger.delete(P, EventWindow.since(NOW.plusSeconds(60)));
        ledger.tokenise(P, EventWindow.ALL);
        assertFalse(ledger.updateStatus(SIBLING, "unchanged", "Lost"));
        assertFalse(ledger.updateEndpoints(SIBLING, "unchanged", List.of("lost")));

        Optional<Instant> change = Optional.of(NOW.plusNanos(1_000));
        assertEquals(change, ledger.find(P, "status").orElseThrow().updatedAt());
        assertEquals(change, ledger.find(P, "endpoints").orElseThrow().updatedAt());
        Event deleted = ledger.find(P, "deleted").orElseThrow();
        assertEquals(change, deleted.updatedAt());
        assertEquals(change, deleted.deletedAt());
        assertEquals(Optional.empty(), ledger.find(P, "unchanged").orElseThrow().updatedAt());

        clock.advance(Duration.ofSeconds(1));
        assertTrue(ledger.updateEndpoints(P, "status", List.of()));
        Event again = ledger.find(P, "status").orElseThrow();
        assertEquals(Optional.of(NOW.plusSeconds(1).plusNanos(1_000)), again.updatedAt());
        PageRequest all = PageRequest.first(10, EventOrder.ASCENDING);
        assertTrue(ledger.page(P, EventFilter.ALL, all).items().contains(again));
        assertTrue(ledger.received(MARCH, all).items().contains(again));
    }

    @Test
    final void exportsFieldsThatAnEventHas() {
        recorded(event("a"));
        recorded(event("b")
                .headerValues(Map.of("X-A", List.of("1"), "x-b", List.of("2", "")))
                .acknowledgedAt(NOW.plusSeconds(1))
                .urlPath("/in")
                .urlQueryParams(QUERY)
                .metadata(METADATA));
        clock.advance(Duration.ofSeconds(2));
        ledger.updateEndpoints(P, "b", List.of("endpoint"));
        ByteArrayOutputStream sink = new ByteArrayOutputStream();
        ledger.export(
                ExportRequest.builder(P, NOW.plusSeconds(60))
                        .format(ExportRequest.Format.NDJSON)
                        .build(),
                sink);
        String common = "\"project_id\":\"project-1\",\"event_type\":\"\",\"source_id\":\"\",\"idempotency_key\":\"\","
                + "\"is_duplicate\":false,\"status\":\"\",\"headers\":";
        String tail = ",\"raw\":\"\",\"data\":\"\",\"bytes\":0,\"created_at\":\"2026-03-17T01:28:00.123456Z\"";
        assertEquals(
                List.of(
                        "{\"id\":\"a\"," + common + "{}" + tail + "}",
                        "{\"id\":\"b\"," + common + "{\"x-a\":\"1\",\"x-b\":[\"2\",\"\"]}"
                                + ",\"url_path\":\"/in\",\"url_query_params\":\"a=1&a=2&b=%00&c=\\\"\\\\{},'\","
                                + "\"metadata\":\"{\\\"a\\\": [1, null], \\\"a\\\": \\\"é😀\\\\n\\\"}\\u000a\"" + tail
                                + ",\"acknowledged_at\":\"2026-03-17T01:28:01.123456Z\","
                                + "\"updated_at\":\"2026-03-17T01:28:02.123456Z\"}"),
                sink.toString(StandardCharsets.UTF_8).lines().toList());
    }

    // Deliveries

    @Test
    final void findsRecordedDeliveryWithEveryField() {
        recorded(event("e"));
        Instant at = Instant.parse("2026-03-18T00:00:00.000001Z");
        List<Delivery> recorded = ledger.recordDeliveries(List.of(
                new NewDelivery("d1", P, "e", "endpoint-1", Delivery.SUCCESS, Optional.of(at.plusNanos(999))),
                new NewDelivery("d2", P, "e", "", "", Optional.empty()),
                new NewDelivery("d3", P, "e", "", "Failure", Optional.empty(), "503 \"é😀\"\n", METADATA)));
        assertEquals(
                List.of(
                        new Delivery("d1", P, "e", "endpoint-1", Delivery.SUCCESS, at),
                        new Delivery("d2", P, "e", "", "", NOW),
                        new Delivery("d3", P, "e", "", "Failure", NOW, "503 \"é😀\"\n", METADATA, Optional.empty())),
                recorded);
        assertEquals(Optional.of(recorded.get(0)), ledger.findDelivery(P, "d1"));
        assertEquals(Optional.of(recorded.get(1)), ledger.findDelivery(P, "d2"));
        assertEquals(Optional.of(recorded.get(2)), ledger.findDelivery(P, "d3"));
        assertEquals(Optional.empty(), ledger.findDelivery(SIBLING, "d1"), "in another project");
        assertEquals(List.of(), ledger.recordDeliveries(List.of()));
    }

    @Test
    final void updatesFailureReasonWithStatusAndKeepsItOtherwise() {
        recorded(event("e").payload(Payload.of("text")));
        ledger.recordDeliveries(List.of(
                new NewDelivery("d", P, "e", "endpoint", "Failure", Optional.of(NOW), "connection refused", METADATA),
                new NewDelivery("other", P, "e", "", "Failure", Optional.of(NOW), "gone", "")));

        assertTrue(ledger.updateDeliveryStatus(P, "d", "Retry"));
        assertEquals(
                Optional.of(new Delivery(
                        "d", P, "e", "endpoint", "Retry", NOW, "connection refused", METADATA, Optional.of(NOW))),
                ledger.findDelivery(P, "d"));
        assertTrue(ledger.updateDeliveryStatus(P, "d", "Failure", "504 Gateway Timeout"));
        assertEquals(
                Optional.of(new Delivery(
                        "d", P, "e", "endpoint", "Failure", NOW, "504 Gateway Timeout", METADATA, Optional.of(NOW))),
                ledger.findDelivery(P, "d"));
        assertFalse(ledger.updateDeliveryStatus(SIBLING, "d", "Lost", "lost"));
        assertFalse(ledger.updateDeliveryStatus(P, "missing", "Lost", "lost"));

        assertTrue(ledger.updateDeliveryStatus(P, "d", Delivery.SUCCESS, ""));
        Delivery sent = new Delivery("d", P, "e", "endpoint", Delivery.SUCCESS, NOW, "", METADATA, Optional.of(NOW));
        assertEquals(Optional.of(sent), ledger.findDelivery(P, "d"));
        assertEquals(
                List.of(new SentDelivery(sent, 4)), ledger.sent(MARCH, PAGE).items());
        assertEquals("gone", ledger.findDelivery(P, "other").orElseThrow().failureReason());
    }

    @Test
    final void saysWhenStatusOfDeliveryWasLastSet() {
        recorded(event("e"));
        delivered("d", "e", "Scheduled");
        delivered("reason", "e", "Scheduled");
        delivered("unchanged", "e", "Scheduled");
        clock.advance(Duration.ofNanos(1_999));
        assertTrue(ledger.updateDeliveryStatus(P, "d", "Retry"));
        assertTrue(ledger.updateDeliveryStatus(P, "reason", "Failure", "gone"));
        assertFalse(ledger.updateDeliveryStatus(SIBLING, "unchanged", "Lost"));

        Optional<Instant> change = Optional.of(NOW.plusNanos(1_000));
        assertEquals(change, ledger.findDelivery(P, "d").orElseThrow().updatedAt());
        assertEquals(change, ledger.findDelivery(P, "reason").orElseThrow().updatedAt());
        assertEquals(
                Optional.empty(),
                ledger.findDelivery(P, "unchanged").orElseThrow().updatedAt());
    }

    @Test
    final void removesFailureReasonOfDeliveryThatSucceeds() {
        recorded(event("e"));
        ledger.recordDeliveries(List.of(
                new NewDelivery("d", P, "e", "endpoint", "Failure", Optional.of(NOW), "connection refused", METADATA)));
        assertTrue(ledger.updateDeliveryStatus(P, "d", Delivery.SUCCESS));
        assertEquals(
                Optional.of(
                        new Delivery("d", P, "e", "endpoint", Delivery.SUCCESS, NOW, "", METADATA, Optional.of(NOW))),
                ledger.findDelivery(P, "d"));
    }
}
