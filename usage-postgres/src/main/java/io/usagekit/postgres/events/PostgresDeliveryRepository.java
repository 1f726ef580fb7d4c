package io.usagekit.postgres.events;

import io.usagekit.events.Bounds;
import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.spi.EventPager;
import io.usagekit.events.spi.PageRead;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.Jdbc;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** The repository of deliveries in the library's own tables. */
final class PostgresDeliveryRepository implements DeliveryRepository {

    private static final String UNREADABLE = "the deliveries can't be read";

    private final LedgerTransactions transactions;
    private final LedgerSql sql;
    private final EventPager pager;

    PostgresDeliveryRepository(LedgerTransactions transactions, LedgerSql sql, EventPager pager) {
        this.transactions = transactions;
        this.sql = sql;
        this.pager = pager;
    }

    @Override
    public List<Delivery> findAll(String projectId, Collection<String> deliveryIds) {
        Bounds.id("projectId", projectId);
        Set<String> ids = Bounds.ids("deliveryIds", deliveryIds);
        Map<String, Delivery> found = new HashMap<>();
        transactions
                .run(
                        Jdbc.Mode.READ_ONLY,
                        UNREADABLE,
                        connection -> sql.call(connection, LedgerStatement.FIND_DELIVERIES)
                                .text("project_id", projectId)
                                .texts("ids", ids)
                                .list(EventRows::delivery))
                .forEach(delivery -> found.put(delivery.id(), delivery));
        return ids.stream().map(found::get).filter(Objects::nonNull).toList();
    }

    @Override
    public Page<Delivery> page(String projectId, DeliveryFilter filter, PageRequest request) {
        PageRead<Delivery> page = pager.deliveries(projectId, filter, request);
        CallDeadline deadline = transactions.deadline();
        return transactions.read(UNREADABLE, sql.quoted("deliveries"), connection -> {
            Collection<String> statuses = statuses(connection, projectId, filter);
            return page.read(scan -> {
                deadline.limit(connection);
                return scan(connection, projectId, filter, statuses, scan);
            });
        });
    }

    /** The statuses that deliveries which meet a filter may have; none where an event's are read whole. */
    private Collection<String> statuses(Connection connection, String projectId, DeliveryFilter filter)
            throws SQLException {
        if (filter.statuses().isPresent()) {
            return filter.statuses().get();
        }
        if (filter.eventId().isPresent()) {
            return List.of();
        }
        DeliveryFilter.Builder known = DeliveryFilter.builder();
        filter.endpointId().ifPresent(known::endpointId);
        return sql.call(connection, LedgerStatement.FIND_DELIVERY_STATUSES, LedgerFilter.of(known.build()))
                .text("project_id", projectId)
                .list(row -> row.text("status"));
    }

    private List<Delivery> scan(
            Connection connection, String projectId, DeliveryFilter filter, Collection<String> statuses, Scan scan)
            throws SQLException {
        if (filter.eventId().isPresent()) {
            return sql.call(connection, LedgerStatement.PAGE_DELIVERIES_OF_EVENT, LedgerFilter.of(filter), scan)
                    .text("project_id", projectId)
                    .list(EventRows::delivery);
        }
        return sql.call(connection, LedgerStatement.PAGE_DELIVERIES, LedgerFilter.ofAnyStatus(filter), scan)
                .text("project_id", projectId)
                .texts("statuses", statuses)
                .list(EventRows::delivery);
    }
}
