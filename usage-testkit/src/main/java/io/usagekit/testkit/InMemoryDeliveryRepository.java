package io.usagekit.testkit;

import io.usagekit.events.Bounds;
import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.spi.EventPager;
import io.usagekit.events.spi.PageRead;
import io.usagekit.events.spi.Scan;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;

/** The deliveries of a ledger in memory, guarded by the ledger's monitor. */
final class InMemoryDeliveryRepository implements DeliveryRepository {

    private final InMemoryEventRepository ledger;
    private final Map<String, Delivery> deliveries;
    private final EventPager pager;

    InMemoryDeliveryRepository(InMemoryEventRepository ledger, Map<String, Delivery> deliveries, EventPager pager) {
        this.ledger = ledger;
        this.deliveries = deliveries;
        this.pager = pager;
    }

    @Override
    public List<Delivery> findAll(String projectId, Collection<String> deliveryIds) {
        Bounds.id("projectId", projectId);
        Set<String> ids = Bounds.ids("deliveryIds", deliveryIds);
        synchronized (ledger) {
            return ids.stream()
                    .map(deliveries::get)
                    .filter(Objects::nonNull)
                    .filter(delivery -> delivery.projectId().equals(projectId))
                    .toList();
        }
    }

    @Override
    public Page<Delivery> page(String projectId, DeliveryFilter filter, PageRequest request) {
        PageRead<Delivery> page = pager.deliveries(projectId, filter, request);
        synchronized (ledger) {
            return page.read(scan -> InMemoryEventRepository.scan(
                    matching(projectId, filter),
                    delivery -> new Scan.Position(delivery.createdAt(), delivery.id()),
                    scan));
        }
    }

    private Stream<Delivery> matching(String projectId, DeliveryFilter filter) {
        return deliveries.values().stream()
                .filter(delivery -> delivery.projectId().equals(projectId))
                .filter(filter::matches);
    }
}
