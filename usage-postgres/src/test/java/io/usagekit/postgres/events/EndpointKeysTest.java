package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.events.EventOrder;
import io.usagekit.events.spi.Scan;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The keys of many endpoints, merged, are those of all of them, sorted. */
class EndpointKeysTest {

    private static final long SEED = Long.getLong("usagekit.seed", System.nanoTime());

    private final Map<String, List<Scan.Position>> keysOfEndpoints = new HashMap<>();
    private final List<Integer> reads = new ArrayList<>();

    private List<EndpointKeys.Key> read(Collection<String> endpointIds, Scan scan) {
        reads.add(endpointIds.size());
        List<EndpointKeys.Key> keys = new ArrayList<>();
        for (String id : endpointIds) {
            keysOfEndpoints.getOrDefault(id, List.of()).stream()
                    .filter(key -> scan.beyond()
                            .map(beyond -> order(scan).compare(key, beyond) > 0)
                            .orElse(true))
                    .sorted(order(scan))
                    .limit(scan.limit())
                    .forEach(key -> keys.add(new EndpointKeys.Key(key, id)));
        }
        return keys;
    }

    private static Comparator<Scan.Position> order(Scan scan) {
        return scan.order() == EventOrder.ASCENDING ? Comparator.naturalOrder() : Comparator.reverseOrder();
    }

    private static Scan.Position key(int number) {
        return new Scan.Position(Instant.EPOCH.plusSeconds(number / 3), "e" + number);
    }

    @ParameterizedTest
    @EnumSource(EventOrder.class)
    void mergesTheKeysOfRandomEndpoints(EventOrder order) throws SQLException {
        Random random = new Random(SEED);
        for (int run = 0; run < 300; run++) {
            keysOfEndpoints.clear();
            TreeSet<Scan.Position> all = new TreeSet<>();
            // From 6,667 endpoints on, only two keys of each are read at a time.
            int endpoints = run == 0 ? 8_000 : 1 + random.nextInt(20);
            int events = 1 + random.nextInt(60);
            for (int n = 0; n < endpoints; n++) {
                List<Scan.Position> keys = random.ints(random.nextInt(20), 0, events)
                        .distinct()
                        .mapToObj(EndpointKeysTest::key)
                        .toList();
                keysOfEndpoints.put("endpoint-" + n, keys);
                all.addAll(keys);
            }
            Optional<Scan.Position> beyond =
                    random.nextBoolean() ? Optional.empty() : Optional.of(key(random.nextInt(events)));
            Scan scan = new Scan(order, beyond, 1 + random.nextInt(10));
            List<Scan.Position> expected = all.stream()
                    .sorted(order(scan))
                    .filter(key ->
                            beyond.map(it -> order(scan).compare(key, it) > 0).orElse(true))
                    .toList();

            EndpointKeys merged = new EndpointKeys(this::read, keysOfEndpoints.keySet(), scan);
            List<Scan.Position> found = new ArrayList<>();
            List<Scan.Position> next = merged.next(1 + random.nextInt(5));
            while (!next.isEmpty()) {
                found.addAll(next);
                next = merged.next(1 + random.nextInt(5));
            }
            assertThat(found).as("seed %d, run %d", SEED, run).isEqualTo(expected);
        }
    }

    @Test
    void looksOnceAtEndpointsWhoseEventsAreBeyondThePage() throws SQLException {
        IntStream.range(0, 10_000).forEach(n -> keysOfEndpoints.put("endpoint-" + n, List.of(key(n), key(n + 10_000))));
        EndpointKeys merged = new EndpointKeys(
                this::read, keysOfEndpoints.keySet(), new Scan(EventOrder.ASCENDING, Optional.empty(), 21));

        assertThat(merged.next(21))
                .isEqualTo(IntStream.range(0, 21)
                        .mapToObj(EndpointKeysTest::key)
                        .sorted()
                        .toList());
        assertThat(reads).containsExactly(10_000);
    }

    /** All endpoints end at the same key, and are read on together. */
    @Test
    void readsEndpointsOfTheSameEventsTogether() throws SQLException {
        List<Scan.Position> keys =
                IntStream.range(0, 8).mapToObj(EndpointKeysTest::key).toList();
        IntStream.range(0, 10_000).forEach(n -> keysOfEndpoints.put("endpoint-" + n, keys));
        EndpointKeys merged = new EndpointKeys(
                this::read, keysOfEndpoints.keySet(), new Scan(EventOrder.ASCENDING, Optional.empty(), 5));

        assertThat(merged.next(5)).isEqualTo(keys.subList(0, 5));
        assertThat(reads).containsExactly(10_000, 10_000, 10_000);
    }
}
