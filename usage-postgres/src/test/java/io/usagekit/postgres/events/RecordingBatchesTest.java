package io.usagekit.postgres.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.params.provider.Arguments.argumentSet;

import io.usagekit.events.Delivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Payload;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class RecordingBatchesTest {

    /** 8 KiB in two octets a character: 512 of these texts reach the bound. */
    private static final String TEXT = "\u00e9".repeat(4_096);

    private static final int MOST_TEXTS = (int) RecordingBatches.MOST_OCTETS / 8_192;

    private static NewEvent.Builder event() {
        return NewEvent.builder("project", "e");
    }

    static Stream<Arguments> textsOfEvents() {
        return Stream.of(
                argumentSet("payload", event().payload(Payload.of(TEXT))),
                argumentSet("header", event().headers(Map.of("x", TEXT.substring(1) + "y"))),
                argumentSet(
                        "values of a header", event().headerValues(Map.of("x", List.of(TEXT.substring(2), "y", "12")))),
                argumentSet("path", event().urlPath(TEXT)),
                argumentSet("query", event().urlQueryParams(TEXT)),
                argumentSet("metadata", event().metadata(TEXT)));
    }

    @ParameterizedTest
    @MethodSource("textsOfEvents")
    void endsBatchOfEventsWhereTextsReachOctets(NewEvent.Builder event) {
        List<NewEvent> events = Collections.nCopies(MOST_TEXTS + 1, event.build());
        assertEquals(List.of(MOST_TEXTS, 1), sizes(RecordingBatches.ofEvents(events)));
    }

    static Stream<Arguments> textsOfDeliveries() {
        return Stream.of(argumentSet("failure reason", TEXT, ""), argumentSet("metadata", "", TEXT));
    }

    @ParameterizedTest
    @MethodSource("textsOfDeliveries")
    void endsBatchOfDeliveriesWhereTextsReachOctets(String failureReason, String metadata) {
        Delivery delivery =
                new Delivery("d", "project", "e", "", "", Instant.EPOCH, failureReason, metadata, Optional.empty());
        assertEquals(
                List.of(MOST_TEXTS, 1),
                sizes(RecordingBatches.ofDeliveries(Collections.nCopies(MOST_TEXTS + 1, delivery))));
    }

    @Test
    void endsBatchAtNumberOfRowsOrEndpoints() {
        NewEvent event = event().build();
        assertEquals(List.of(1_000, 1_000, 1), sizes(RecordingBatches.ofEvents(Collections.nCopies(2_001, event))));
        NewEvent delivered = event().endpointIds(
                        IntStream.range(0, 10_000).mapToObj(String::valueOf).toList())
                .build();
        assertEquals(List.of(3, 2), sizes(RecordingBatches.ofEvents(Collections.nCopies(5, delivered))));
        Delivery delivery = new Delivery("d", "project", "e", "", "", Instant.EPOCH);
        assertEquals(List.of(10_000, 1), sizes(RecordingBatches.ofDeliveries(Collections.nCopies(10_001, delivery))));
        assertEquals(List.of(), RecordingBatches.ofEvents(List.of()));
    }

    private static <T> List<Integer> sizes(List<List<T>> batches) {
        return batches.stream().map(List::size).toList();
    }
}
