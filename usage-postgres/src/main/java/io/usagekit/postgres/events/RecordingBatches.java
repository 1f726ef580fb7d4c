package io.usagekit.postgres.events;

import io.usagekit.events.Delivery;
import io.usagekit.events.Headers;
import io.usagekit.events.NewEvent;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;

/** Splits what a call records into batches, each of which is one statement: it ends with the row with which it reaches a bound. */
final class RecordingBatches {

    /** Octets of payloads, headers and other texts in a batch. */
    static final long MOST_OCTETS = 4L << 20;

    private static final int MOST_EVENTS = 1_000;
    private static final int MOST_DELIVERIES = 10_000;
    private static final int MOST_ENDPOINTS = 30_000;

    private RecordingBatches() {}

    static List<List<NewEvent>> ofEvents(List<NewEvent> events) {
        return split(
                events,
                List.of(
                        new Bound<>(MOST_EVENTS, event -> 1),
                        new Bound<>(MOST_OCTETS, RecordingBatches::octets),
                        new Bound<>(MOST_ENDPOINTS, event -> event.endpointIds().size())));
    }

    static List<List<Delivery>> ofDeliveries(List<Delivery> deliveries) {
        return split(
                deliveries,
                List.of(
                        new Bound<>(MOST_DELIVERIES, delivery -> 1),
                        new Bound<>(
                                MOST_OCTETS,
                                delivery -> octets(delivery.failureReason()) + octets(delivery.metadata()))));
    }

    private static long octets(NewEvent event) {
        return event.payload().octets()
                + Headers.octets(event.headerValues())
                + octets(event.urlPath())
                + octets(event.urlQueryParams())
                + octets(event.metadata());
    }

    private static long octets(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    /**
     * Bound of the rows of a batch.
     *
     * @param size the share of a row
     */
    private record Bound<T>(long most, ToLongFunction<T> size) {}

    private static <T> List<List<T>> split(List<T> rows, List<Bound<T>> bounds) {
        List<List<T>> batches = new ArrayList<>();
        long[] sums = new long[bounds.size()];
        int begin = 0;
        for (int i = 0; i < rows.size(); i++) {
            boolean isFull = false;
            for (int n = 0; n < sums.length; n++) {
                sums[n] += bounds.get(n).size().applyAsLong(rows.get(i));
                isFull |= sums[n] >= bounds.get(n).most();
            }
            if (isFull || i + 1 == rows.size()) {
                batches.add(rows.subList(begin, i + 1));
                begin = i + 1;
                sums = new long[sums.length];
            }
        }
        return batches;
    }
}
