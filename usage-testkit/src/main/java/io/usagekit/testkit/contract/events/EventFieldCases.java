package io.usagekit.testkit.contract.events;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.usagekit.events.Delivery;
import io.usagekit.events.Event;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.Payload;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Cases of the fields of events and deliveries. */
abstract class EventFieldCases extends EventRepositoryFixture {

    EventFieldCases(EventRepositoryContract contract) {
        super(contract);
    }

    @Test
    final void findsRecordedEventWithEveryField() {
        Payload payload = Payload.of("{\"a\": \"é日😀\\n\"}\u0001", new byte[] {0, -1, 39, 92, 34});
        Event event = recorded(event("e")
                .type("push")
                .payload(payload)
                .headers(Map.of("X-Broker-Message-Id", "m-1", "x-odd", "\"\\\b\n\u0001é😀,{}", "x-empty", ""))
                .sourceId("source-1")
                .idempotencyKey("key-1")
                .status("Processing")
                .endpointIds(List.of("endpoint-2", "endpoint-1", "endpoint-2"))
                .createdAt(Instant.parse("2026-03-01T00:00:00.000001999Z")));

        assertEquals(
                new Event(
                        "e",
                        P,
                        "push",
                        payload,
                        Map.of("x-broker-message-id", "m-1", "x-odd", "\"\\\b\n\u0001é😀,{}", "x-empty", ""),
                        "source-1",
                        "key-1",
                        false,
                        "Processing",
                        payload.octets(),
                        Instant.parse("2026-03-01T00:00:00.000001Z"),
                        Optional.empty()),
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

    // Deliveries

    @Test
    final void findsRecordedDeliveryWithEveryField() {
        recorded(event("e"));
        Instant at = Instant.parse("2026-03-18T00:00:00.000001Z");
        List<Delivery> recorded = ledger.recordDeliveries(List.of(
                new NewDelivery("d1", P, "e", "endpoint-1", Delivery.SUCCESS, Optional.of(at.plusNanos(999))),
                new NewDelivery("d2", P, "e", "", "", Optional.empty())));
        assertEquals(
                List.of(
                        new Delivery("d1", P, "e", "endpoint-1", Delivery.SUCCESS, at),
                        new Delivery("d2", P, "e", "", "", NOW)),
                recorded);
        assertEquals(Optional.of(recorded.get(0)), ledger.findDelivery(P, "d1"));
        assertEquals(Optional.of(recorded.get(1)), ledger.findDelivery(P, "d2"));
        assertEquals(Optional.empty(), ledger.findDelivery(SIBLING, "d1"), "in another project");
        assertEquals(List.of(), ledger.recordDeliveries(List.of()));
    }
}
