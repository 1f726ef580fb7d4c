package io.usagekit.postgres.events;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.PageRequest;
import io.usagekit.events.spi.Scan;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Pages of a project's events that are to be delivered to one of some endpoints. Where the endpoints are many, the project is walked first: if
 * they have most of its events, that fills the page. Otherwise, the keys of each endpoint's events are merged. Either way, events are looked
 * up by their keys, which the other conditions of the filter may reject.
 */
final class EndpointPages {

    /** So many endpoints at most are merged at once, without a walk. */
    private static final int FEW_ENDPOINTS = 64;

    /** For so many endpoints, one more event is walked: less than their look-ups cost. */
    private static final int ENDPOINTS_OF_A_WALKED_EVENT = 8;

    /** The most keys that are looked up at once. */
    private static final int MOST_KEYS = 1_000;

    private final LedgerSql sql;
    private final Connection connection;
    private final String projectId;
    private final EventFilter filter;
    private final Set<String> endpointIds;

    private EndpointPages(
            LedgerSql sql, Connection connection, String projectId, EventFilter filter, Set<String> endpointIds) {
        this.sql = sql;
        this.connection = connection;
        this.projectId = projectId;
        this.filter = filter;
        this.endpointIds = endpointIds;
    }

    /** The pages of a filter; empty if it is none of endpoints. */
    static Optional<EndpointPages> of(LedgerSql sql, Connection connection, String projectId, EventFilter filter)
            throws SQLException {
        return endpointIds(sql, connection, projectId, filter)
                .map(ids -> new EndpointPages(sql, connection, projectId, filter, ids));
    }

    /** The endpoints to one of which events are to be delivered that meet a filter; empty if it has no such condition. */
    static Optional<Set<String>> endpointIds(LedgerSql sql, Connection connection, String projectId, EventFilter filter)
            throws SQLException {
        if (filter.ownerId().isEmpty()) {
            return filter.endpointIds();
        }
        Set<String> owned = new LinkedHashSet<>(sql.call(connection, LedgerStatement.FIND_OWNED_ENDPOINTS)
                .text("project_id", projectId)
                .text("owner_id", filter.ownerId().get())
                .list(row -> row.text("id")));
        filter.endpointIds().ifPresent(owned::retainAll);
        return Optional.of(owned);
    }

    /** Reads the first events of a scan; fewer if those of them already have {@link PageRequest#MAX_OCTETS}. */
    List<Event> read(Scan scan) throws SQLException {
        Page page = new Page(scan);
        Optional<Scan.Position> beyond = scan.beyond();
        if (endpointIds.size() > FEW_ENDPOINTS) {
            int walked = 2 * scan.limit() + endpointIds.size() / ENDPOINTS_OF_A_WALKED_EVENT;
            Walk walk = walk(new Scan(scan.order(), beyond, walked));
            page.lookUp(walk.met());
            if (page.isFull() || walk.events() < walked) {
                return page.events;
            }
            beyond = walk.last();
        }
        EndpointKeys keys = new EndpointKeys(this::keys, endpointIds, new Scan(scan.order(), beyond, scan.limit()));
        List<Scan.Position> next = keys.next(scan.limit());
        for (int count = scan.limit(); !next.isEmpty(); next = keys.next(count)) {
            page.lookUp(next);
            if (page.isFull()) {
                break;
            }
            count = Math.min(2 * count, MOST_KEYS);
        }
        return page.events;
    }

    /** What a walk along the project's events found. */
    private record Walk(int events, List<Scan.Position> met, Optional<Scan.Position> last) {}

    private Walk walk(Scan scan) throws SQLException {
        LedgerFilter walked = LedgerFilter.of(EventFilter.builder()
                .window(filter.window())
                .state(filter.state())
                .build());
        List<Scan.Position> all = new ArrayList<>();
        List<Scan.Position> met = new ArrayList<>();
        sql.call(connection, LedgerStatement.WALK_ENDPOINT_KEYS, walked, scan)
                .text("project_id", projectId)
                .texts("endpoint_ids", endpointIds)
                .forEach(row -> {
                    Scan.Position key = new Scan.Position(row.instant("created_at"), row.text("id"));
                    all.add(key);
                    if (row.flag("is_met")) {
                        met.add(key);
                    }
                });
        return new Walk(all.size(), met, all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1)));
    }

    private List<EndpointKeys.Key> keys(Collection<String> ids, Scan scan) throws SQLException {
        return sql.call(connection, LedgerStatement.PAGE_ENDPOINT_KEYS, LedgerFilter.of(filter.window()), scan)
                .text("project_id", projectId)
                .texts("endpoint_ids", ids)
                .list(row -> new EndpointKeys.Key(
                        new Scan.Position(row.instant("created_at"), row.text("id")), row.text("endpoint_id")));
    }

    /** The events that have been found for a page. */
    private final class Page {
        private final Scan scan;
        private final LedgerFilter conditions = LedgerFilter.of(filter);
        private final List<Event> events = new ArrayList<>();
        private long octets;

        Page(Scan scan) {
            this.scan = scan;
        }

        boolean isFull() {
            return events.size() == scan.limit() || octets >= PageRequest.MAX_OCTETS;
        }

        /** Adds the events with these keys, which are in scan direction, that meet the other conditions, as far as they fit. */
        void lookUp(List<Scan.Position> keys) throws SQLException {
            for (int from = 0; from < keys.size() && !isFull(); from += MOST_KEYS) {
                List<Scan.Position> some = keys.subList(from, Math.min(from + MOST_KEYS, keys.size()));
                Scan rest = new Scan(scan.order(), Optional.empty(), scan.limit() - events.size());
                sql.call(connection, LedgerStatement.PAGE_EVENTS_OF_KEYS, conditions, rest)
                        .text("project_id", projectId)
                        .texts("ids", some.stream().map(Scan.Position::id).toList())
                        .instants(
                                "created_ats",
                                some.stream().map(Scan.Position::createdAt).toList())
                        .number("octets", PageRequest.MAX_OCTETS - octets)
                        .list(EventRows::event)
                        .forEach(event -> {
                            events.add(event);
                            octets += event.bytes();
                        });
            }
        }
    }
}
