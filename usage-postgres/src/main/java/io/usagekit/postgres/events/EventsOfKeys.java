package io.usagekit.postgres.events;

import io.usagekit.events.Event;
import io.usagekit.events.PageRequest;
import io.usagekit.events.spi.Scan;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The events of a page, looked up by keys, of which those are left out that don't meet some conditions. Not thread-safe. */
final class EventsOfKeys {

    /** The most keys that are looked up at once. */
    private static final int MOST_KEYS = 20_000;

    private final LedgerSql sql;
    private final Connection connection;
    private final CallDeadline deadline;
    private final String projectId;
    private final Scan scan;
    private final List<Event> events = new ArrayList<>();
    private long octets;
    private long rejected;

    EventsOfKeys(LedgerSql sql, Connection connection, CallDeadline deadline, String projectId, Scan scan) {
        this.sql = sql;
        this.connection = connection;
        this.deadline = deadline;
        this.projectId = projectId;
        this.scan = scan;
    }

    /** The events that have been found. */
    List<Event> events() {
        return List.copyOf(events);
    }

    /** How many events are missing. */
    int missing() {
        return octets >= PageRequest.MAX_OCTETS ? 0 : scan.limit() - events.size();
    }

    boolean isFull() {
        return missing() == 0;
    }

    /** How many keys were those of events that don't meet the conditions. */
    long rejected() {
        return rejected;
    }

    /** Twice as many as were rejected, so that rare events take few statements. */
    int keysAtOnce() {
        return (int) Math.min(Math.max(missing(), 2 * rejected), MOST_KEYS);
    }

    /** Adds the events with these keys, which are in scan direction, that meet the conditions, as far as they fit. */
    void lookUp(List<Scan.Position> keys, LedgerFilter conditions) throws SQLException {
        int from = 0;
        while (from < keys.size() && !isFull()) {
            List<Scan.Position> some = keys.subList(from, Math.min(from + keysAtOnce(), keys.size()));
            from += some.size();
            deadline.limit(connection);
            Scan rest = new Scan(scan.order(), Optional.empty(), missing());
            List<Event> found = sql.call(connection, LedgerStatement.PAGE_EVENTS_OF_KEYS, conditions, rest)
                    .text("project_id", projectId)
                    .texts("ids", some.stream().map(Scan.Position::id).toList())
                    .instants(
                            "created_ats",
                            some.stream().map(Scan.Position::createdAt).toList())
                    .number("octets", PageRequest.MAX_OCTETS - octets)
                    .list(EventRows::event);
            events.addAll(found);
            found.forEach(event -> octets += event.octets());
            rejected += some.size() - found.size();
        }
    }
}
