package io.usagekit.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Texts that may be private are neither in {@code toString()} nor in messages of exceptions. */
class PrivateTextTest {

    private static final String PRIVATE = "token=s3cret";
    private static final Instant NOW = Instant.parse("2026-03-17T01:28:00Z");

    @Test
    void printsSizesOfPrivateTexts() {
        Event event = Event.of(
                NewEvent.builder("project", "e")
                        .payload(Payload.of(PRIVATE))
                        .headers(Map.of("authorization", PRIVATE))
                        .urlPath("/" + PRIVATE)
                        .urlQueryParams(PRIVATE)
                        .metadata(PRIVATE + PRIVATE)
                        .build(),
                false,
                12,
                NOW,
                Optional.empty());
        assertEquals(
                "Event[id=e, projectId=project, type=, payload=12 octets, headers=[authorization], sourceId=, idempotencyKey=,"
                        + " duplicate=false, status=, bytes=12, createdAt=2026-03-17T01:28:00Z, deletedAt=Optional.empty,"
                        + " acknowledgedAt=Optional.empty, updatedAt=Optional.empty, urlPath=13 octets, urlQueryParams=12 octets, metadata=24 octets]",
                event.toString());

        NewDelivery delivery = new NewDelivery(
                "d", "project", "e", "endpoint", "Failure", Optional.of(NOW), PRIVATE, PRIVATE + PRIVATE);
        String tail = ", failureReason=12 octets, metadata=24 octets]";
        assertEquals(
                "NewDelivery[id=d, projectId=project, eventId=e, endpointId=endpoint, status=Failure,"
                        + " createdAt=Optional[2026-03-17T01:28:00Z]" + tail,
                delivery.toString());
        assertEquals(
                "Delivery[id=d, projectId=project, eventId=e, endpointId=endpoint, status=Failure,"
                        + " createdAt=2026-03-17T01:28:00Z, failureReason=12 octets, metadata=24 octets, updatedAt=Optional.empty]",
                Delivery.of(delivery, NOW).toString());
    }

    @Test
    void rejectsPrivateTextsWithoutQuotingThem() {
        NewEvent.Builder event = NewEvent.builder("project", "e");
        for (String bad : List.of(PRIVATE + "\0", PRIVATE + "\ud800")) {
            assertRejected("authorization", () -> event.headers(Map.of("authorization", bad)));
            assertRejected("raw", () -> Payload.of(bad));
        }
        for (String bad : List.of(PRIVATE + "\0", PRIVATE + "\ud800", PRIVATE.repeat(1_000))) {
            assertRejected("urlPath", () -> event.urlPath(bad));
            assertRejected("urlQueryParams", () -> event.urlQueryParams(bad));
            assertRejected("metadata", () -> event.metadata(bad));
            assertRejected(
                    "failureReason", () -> new NewDelivery("d", "project", "e", "", "", Optional.empty(), bad, ""));
        }
    }

    private static void assertRejected(String argument, Executable call) {
        String message = String.valueOf(
                assertThrows(IllegalArgumentException.class, call).getMessage());
        assertTrue(message.startsWith(argument + " must "), message);
        assertFalse(message.contains(PRIVATE), message);
    }
}
