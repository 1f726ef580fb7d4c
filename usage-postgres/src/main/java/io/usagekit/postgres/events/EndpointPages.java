package io.usagekit.postgres.events;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
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
    static final int FEW_ENDPOINTS = 64;

    /** For so many endpoints, one more event is walked: less than their look-ups cost. */
    private static final int ENDPOINTS_OF_A_WALKED_EVENT = 8;

    private final LedgerSql sql;
    private final Connection connection;
    private final CallDeadline deadline;
    private final String projectId;
    private final EventFilter filter;
    private final Set<String> endpointIds;

    EndpointPages(
            LedgerSql sql,
            Connection connection,
            CallDeadline deadline,
            String projectId,
            EventFilter filter,
            Set<String> endpointIds) {
        this.sql = sql;
        this.connection = connection;
        this.deadline = deadline;
        this.projectId = projectId;
        this.filter = filter;
        this.endpointIds = endpointIds;
    }

    /** Whether one of a filter's other conditions finds fewer events than an endpoint may have, by an index of its own. */
    static boolean isSelective(EventFilter filter) {
        return filter.idempotencyKey().filter(key -> !key.isEmpty()).isPresent()
                || filter.brokerMessageId().filter(id -> !id.isEmpty()).isPresent();
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

    /** Reads the first events of a scan; fewer if those of them already have {@link io.usagekit.events.PageRequest#MAX_OCTETS}. */
    List<Event> read(Scan scan) throws SQLException {
        EventsOfKeys page = new EventsOfKeys(sql, connection, deadline, projectId, scan);
        LedgerFilter conditions = LedgerFilter.of(filter);
        Optional<Scan.Position> beyond = scan.beyond();
        if (endpointIds.size() > FEW_ENDPOINTS) {
            int walked = 2 * scan.limit() + endpointIds.size() / ENDPOINTS_OF_A_WALKED_EVENT;
            Walk walk = walk(new Scan(scan.order(), beyond, walked));
            page.lookUp(walk.met(), conditions);
            if (page.isFull() || walk.events() < walked) {
                return page.events();
            }
            beyond = walk.last();
        }
        EndpointKeys keys = new EndpointKeys(this::keys, endpointIds, new Scan(scan.order(), beyond, scan.limit()));
        while (!page.isFull()) {
            List<Scan.Position> next = keys.next(page.keysAtOnce());
            if (next.isEmpty()) {
                break;
            }
            page.lookUp(next, conditions);
        }
        return page.events();
    }

    /** What a walk along the project's events found. */
    private record Walk(int events, List<Scan.Position> met, Optional<Scan.Position> last) {}

    private Walk walk(Scan scan) throws SQLException {
        deadline.limit(connection);
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

    /** Reads keys of endpoints' events in the filter's window, at most so many of each as the limit of the scan. */
    List<EndpointKeys.Key> keys(Collection<String> ids, Scan scan) throws SQLException {
        deadline.limit(connection);
        return sql.call(connection, LedgerStatement.PAGE_ENDPOINT_KEYS, LedgerFilter.of(filter.window()), scan)
                .text("project_id", projectId)
                .texts("endpoint_ids", ids)
                .list(row -> new EndpointKeys.Key(
                        new Scan.Position(row.instant("created_at"), row.text("id")), row.text("endpoint_id")));
    }
}
