package io.usagekit.testkit.contract.events;

import static io.usagekit.testkit.internal.ContractAssertions.assertRejected;

import io.usagekit.events.Delivery;
import io.usagekit.events.Endpoint;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Payload;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Cases of rejected arguments. */
abstract class EventBoundsCases extends EventRepositoryFixture {

    EventBoundsCases(EventRepositoryContract contract) {
        super(contract);
    }

    @Test
    final void rejectsIdsOutOfBounds() {
        String tooLong = "é".repeat(128);
        for (String bad : List.of("", " ", "\t", "a\0b", "\ud800", tooLong)) {
            assertRejected(() -> NewEvent.builder(bad, "e"), "projectId");
            assertRejected(() -> NewEvent.builder(P, bad), "id");
            assertRejected(() -> event("e").endpointIds(List.of("fine", bad)), "endpointIds");
            assertRejected(() -> new Endpoint(bad, P, "", ""), "id");
            assertRejected(() -> new NewDelivery("d", P, bad, "", "", Optional.empty()), "eventId");
            assertRejected(() -> ledger.find(bad, "e"), "projectId");
            assertRejected(() -> ledger.findAll(P, List.of("fine", bad)), "eventIds");
            assertRejected(() -> ledger.findFirst(P, bad), "idempotencyKey");
            assertRejected(() -> ledger.updateEndpoints(P, "e", List.of(bad)), "endpointIds");
            assertRejected(() -> ledger.count(bad, EventFilter.ALL), "projectId");
            assertRejected(() -> ledger.tokenise(bad, EventWindow.ALL), "projectId");
            assertRejected(() -> ledger.deleteTokens(bad, EventWindow.ALL), "projectId");
            assertRejected(() -> ledger.delete(bad, EventWindow.ALL), "projectId");
            assertRejected(() -> ledger.deleteForGood(bad, EventWindow.ALL), "projectId");
        }
        assertRejected(() -> event(tooLong), "id must have at most 255 octets, but has 256: \"ééé");
        NewEvent.builder(P, "é".repeat(127) + "x");
    }

    @Test
    final void rejectsTextsOutOfBounds() {
        for (String bad : List.of("a\0b", "\udc00", "x".repeat(256))) {
            assertRejected(() -> event("e").type(bad), "type");
            assertRejected(() -> event("e").status(bad), "status");
            assertRejected(() -> event("e").sourceId(bad), "sourceId");
            assertRejected(() -> event("e").idempotencyKey(bad), "idempotencyKey");
            assertRejected(() -> event("e").headers(Map.of("X-Broker-Message-Id", bad)), "x-broker-message-id");
            assertRejected(() -> event("e").headers(Map.of(bad, "")), "header");
            assertRejected(() -> EventFilter.builder().type(bad), "type");
            assertRejected(() -> EventFilter.builder().text(bad), "text");
            assertRejected(() -> EventFilter.builder().search(bad), "search");
            assertRejected(() -> EventFilter.builder().sourceIds(List.of(bad)), "sourceIds");
            assertRejected(() -> ledger.updateStatus(P, "e", bad), "status");
            assertRejected(() -> ledger.updateDeliveryStatus(P, "e", bad), "status");
            assertRejected(() -> ledger.updateDeliveryStatus(P, "e", bad, ""), "status");
        }
        for (String bad : List.of("a\0b", "\udc00", "x".repeat(8_193))) {
            assertRejected(() -> event("e").urlPath(bad), "urlPath");
            assertRejected(() -> event("e").urlQueryParams(bad), "urlQueryParams");
            assertRejected(() -> event("e").metadata(bad), "metadata");
            assertRejected(() -> new NewDelivery("d", P, "e", "", "", Optional.empty(), bad, ""), "failureReason");
            assertRejected(() -> new NewDelivery("d", P, "e", "", "", Optional.empty(), "", bad), "metadata");
            assertRejected(() -> ledger.updateDeliveryStatus(P, "e", "Failure", bad), "failureReason");
        }
        assertRejected(
                () -> event("e").metadata("é".repeat(4_097)), "metadata must have at most 8192 octets, but has 8194");
        assertRejected(() -> Payload.of("a\0b"), "raw", "U+0000");
        assertRejected(() -> Payload.of("\ud800", new byte[0]), "raw", "surrogate");
    }

    @Test
    final void rejectsHeadersOutOfBounds() {
        assertRejected(() -> event("e").headers(Map.of("A", "", "a", "")), "a twice");
        assertRejected(() -> event("e").headerValues(Map.of("A", List.of("1"), "a", List.of("2"))), "a twice");
        assertRejected(() -> event("e").headerValues(Map.of("A", List.of())), "a must have a value, but has 0");
        assertRejected(() -> event("e").headerValues(Map.of("a", List.of("fine", "a\0b"))), "a must not", "U+0000");
        assertRejected(
                () -> event("e").headerValues(Map.of("X-Broker-Message-Id", List.of("1", "2"))),
                "x-broker-message-id must have one value, but has 2");
    }

    @Test
    final void rejectsInstantsOutOfBounds() {
        for (Instant bad : List.of(Instant.MIN, Instant.parse("0000-12-31T23:59:59.999999Z"), Instant.MAX)) {
            assertRejected(() -> event("e").createdAt(bad), "createdAt", bad.toString());
            assertRejected(() -> event("e").acknowledgedAt(bad), "acknowledgedAt", bad.toString());
            assertRejected(() -> new NewDelivery("d", P, "e", "", Delivery.SUCCESS, Optional.of(bad)), "createdAt");
            assertRejected(() -> EventWindow.since(bad), "from");
            assertRejected(() -> EventWindow.before(bad), "before");
        }
        assertRejected(() -> EventWindow.between(NOW, NOW.plusNanos(1)), "from must be before", NOW.toString());
    }
}
