package io.usagekit.postgres.events;

import io.usagekit.events.EventOrder;
import io.usagekit.events.spi.Scan;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * Merges the keys of the events of many endpoints, each of which comes in scan direction. An endpoint's keys are read some at a time, and
 * more once these have been merged: an endpoint whose events are all beyond the page costs one look. Not thread-safe.
 */
final class EndpointKeys {

    /** Of all endpoints together, at a time. */
    private static final int MOST_KEYS = 20_000;

    private static final int FEWEST_KEYS_OF_ONE = 2;

    /** Of all endpoints together, at a time: that many entries of an index cost little more than one. */
    private static final int FEWEST_KEYS = 100;

    /** A key of an event, for one of its endpoints. */
    record Key(Scan.Position position, String endpointId) {}

    /** Reads keys of endpoints, at most so many of each as the limit of the scan. */
    @FunctionalInterface
    interface Source {
        List<Key> read(Collection<String> endpointIds, Scan scan) throws SQLException;
    }

    private final Source source;
    private final Scan scan;
    private final PriorityQueue<Key> ahead;
    /** How many keys of an endpoint are ahead, if it may have more. */
    private final Map<String, Integer> unfinished = new HashMap<>();
    /** Endpoints that may have more keys than have been read, all of them after the last one that was merged. */
    private final Set<String> toRead = new HashSet<>();

    private Optional<Scan.Position> last;
    /** How many keys have been returned. */
    private int merged;

    EndpointKeys(Source source, Collection<String> endpointIds, Scan scan) {
        this.source = source;
        this.scan = scan;
        Comparator<Key> byPosition = Comparator.comparing(Key::position);
        ahead = new PriorityQueue<>(scan.order() == EventOrder.ASCENDING ? byPosition : byPosition.reversed());
        toRead.addAll(endpointIds);
        last = scan.beyond();
    }

    /** Returns the next keys in scan direction, each once; fewer than so many only if there are no more. */
    List<Scan.Position> next(int count) throws SQLException {
        List<Scan.Position> keys = new ArrayList<>();
        while (keys.size() < count) {
            Key first = ahead.peek();
            boolean isLast = first != null && last.equals(Optional.of(first.position()));
            if (!toRead.isEmpty() && !isLast) {
                read();
            } else if (first == null) {
                return keys;
            } else {
                if (!isLast) {
                    keys.add(first.position());
                    last = Optional.of(first.position());
                    merged++;
                }
                remove(ahead.remove());
            }
        }
        return keys;
    }

    private void remove(Key key) {
        Integer left = unfinished.computeIfPresent(key.endpointId(), (id, keys) -> keys - 1);
        if (left != null && left == 0) {
            unfinished.remove(key.endpointId());
            toRead.add(key.endpointId());
        }
    }

    /** Reads as many keys of each endpoint as have been merged: the number of reads grows with the logarithm of that of keys. */
    private void read() throws SQLException {
        int wanted = Math.max(Math.max(scan.limit(), merged), FEWEST_KEYS / toRead.size());
        int each = Math.min(wanted, Math.max(FEWEST_KEYS_OF_ONE, MOST_KEYS / toRead.size()));
        Map<String, Integer> counts = new HashMap<>();
        for (Key key : source.read(List.copyOf(toRead), new Scan(scan.order(), last, each))) {
            ahead.add(key);
            counts.merge(key.endpointId(), 1, Integer::sum);
        }
        counts.values().removeIf(count -> count < each);
        unfinished.putAll(counts);
        toRead.clear();
    }
}
