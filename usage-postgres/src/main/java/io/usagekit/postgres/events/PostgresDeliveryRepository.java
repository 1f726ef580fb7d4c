package io.usagekit.postgres.events;

import io.usagekit.events.Bounds;
import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryCount;
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
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/** The repository of deliveries in the library's own tables. */
final class PostgresDeliveryRepository implements DeliveryRepository {

    /** So few that others wait briefly for their rows. */
    private static final int MOST_UPDATED = 1_000;

    private static final String UNREADABLE = "the deliveries can't be read";

    private final LedgerTransactions transactions;
    private final LedgerSql sql;
    private final LookUps deliveries;
    private final EventPager pager;
    private final InstantSource clock;

    PostgresDeliveryRepository(LedgerTransactions transactions, LedgerSql sql, EventPager pager, InstantSource clock) {
        this.transactions = transactions;
        this.sql = sql;
        deliveries = new LookUps(sql, IdTable.DELIVERIES);
        this.pager = pager;
        this.clock = clock;
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
                        connection -> deliveries.find(
                                connection,
                                LedgerStatement.FIND_DELIVERIES,
                                ids,
                                call -> call.text("project_id", projectId).texts("ids", ids),
                                EventRows::delivery))
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

    @Override
    public List<DeliveryCount> count(String projectId, DeliveryFilter filter, Set<DeliveryCount.Property> properties) {
        Bounds.id("projectId", projectId);
        Set<DeliveryCount.Property> by = Set.copyOf(properties);
        return transactions.read("the deliveries can't be counted", sql.quoted("deliveries"), connection -> {
            LedgerFilter conditions = filter.eventId().isPresent()
                    ? LedgerFilter.of(filter)
                    : LedgerFilter.ofAnyStatus(filter).inStatuses(statuses(connection, projectId, filter));
            return sql.call(connection, LedgerStatement.COUNT_DELIVERIES, conditions)
                    .text("project_id", projectId)
                    .flag("by_day", by.contains(DeliveryCount.Property.DAY))
                    .flag("by_endpoint", by.contains(DeliveryCount.Property.ENDPOINT))
                    .flag("by_status", by.contains(DeliveryCount.Property.STATUS))
                    .list(row -> new DeliveryCount(
                            row.optionalInstant("day").map(day -> LocalDate.ofInstant(day, ZoneOffset.UTC)),
                            row.optionalText("endpoint_id"),
                            row.optionalText("status"),
                            row.number("deliveries")));
        });
    }

    @Override
    public long updateStatus(String projectId, DeliveryFilter filter, String status) {
        Bounds.id("projectId", projectId);
        Bounds.word("status", status);
        Instant now = clock.instant();
        return Batches.changeAll(
                MOST_UPDATED,
                scan -> transactions.run(
                        Jdbc.Mode.WRITE,
                        "the statuses of the deliveries can't be updated",
                        connection -> updateBatch(connection, projectId, filter, status, now, scan)));
    }

    private Batches.Batch updateBatch(
            Connection connection, String projectId, DeliveryFilter filter, String status, Instant now, Scan scan)
            throws SQLException {
        Set<String> others = new HashSet<>(statuses(connection, projectId, filter));
        others.remove(status);
        List<Delivery> found = scan(connection, projectId, filter, others, scan);
        if (found.isEmpty()) {
            return Batches.Batch.EMPTY;
        }
        Delivery last = found.get(found.size() - 1);
        // Another transaction may have changed some since they were found: the filter's conditions hold for what they
        // are now.
        long changed = sql.call(connection, LedgerStatement.UPDATE_DELIVERY_STATUSES, LedgerFilter.of(filter))
                .text("project_id", projectId)
                .texts("ids", found.stream().map(Delivery::id).toList())
                .instant("first", found.get(0).createdAt())
                .instant("last", last.createdAt())
                .text("status", status)
                .instant("now", now)
                .update();
        return new Batches.Batch(changed, Optional.of(new Scan.Position(last.createdAt(), last.id())));
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
                    .number("octets", PageRequest.MAX_OCTETS)
                    .list(EventRows::delivery);
        }
        return sql.call(connection, LedgerStatement.PAGE_DELIVERIES, LedgerFilter.ofAnyStatus(filter), scan)
                .text("project_id", projectId)
                .texts("statuses", statuses)
                .number("octets", PageRequest.MAX_OCTETS)
                .list(EventRows::delivery);
    }
}
