package io.usagekit.testkit;

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
import io.usagekit.testkit.internal.CodePoints;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The deliveries of a ledger in memory, guarded by the ledger's monitor. */
final class InMemoryDeliveryRepository implements DeliveryRepository {

    private static final Comparator<DeliveryCount> ORDER = Comparator.comparing(
                    (DeliveryCount count) -> count.day().orElse(LocalDate.MIN))
            .thenComparing(count -> count.endpointId().orElse(""), CodePoints.ORDER)
            .thenComparing(count -> count.status().orElse(""), CodePoints.ORDER);

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

    @Override
    public List<DeliveryCount> count(String projectId, DeliveryFilter filter, Set<DeliveryCount.Property> properties) {
        Bounds.id("projectId", projectId);
        synchronized (ledger) {
            Map<DeliveryCount, Long> groups = matching(projectId, filter)
                    .collect(Collectors.groupingBy(
                            delivery -> group(delivery, properties),
                            () -> new TreeMap<>(ORDER),
                            Collectors.counting()));
            return groups.entrySet().stream()
                    .map(entry -> new DeliveryCount(
                            entry.getKey().day(),
                            entry.getKey().endpointId(),
                            entry.getKey().status(),
                            entry.getValue()))
                    .toList();
        }
    }

    /** The group of a delivery, with a count of 1. */
    private static DeliveryCount group(Delivery delivery, Set<DeliveryCount.Property> properties) {
        return new DeliveryCount(
                Optional.of(LocalDate.ofInstant(delivery.createdAt(), ZoneOffset.UTC))
                        .filter(day -> properties.contains(DeliveryCount.Property.DAY)),
                Optional.of(delivery.endpointId()).filter(id -> properties.contains(DeliveryCount.Property.ENDPOINT)),
                Optional.of(delivery.status()).filter(status -> properties.contains(DeliveryCount.Property.STATUS)),
                1);
    }

    @Override
    public long updateStatus(String projectId, DeliveryFilter filter, String status) {
        Bounds.id("projectId", projectId);
        Bounds.word("status", status);
        synchronized (ledger) {
            List<Delivery> others = matching(projectId, filter)
                    .filter(delivery -> !delivery.status().equals(status))
                    .toList();
            others.forEach(delivery -> ledger.updateDeliveryStatus(projectId, delivery.id(), status));
            return others.size();
        }
    }

    private Stream<Delivery> matching(String projectId, DeliveryFilter filter) {
        return deliveries.values().stream()
                .filter(delivery -> delivery.projectId().equals(projectId))
                .filter(filter::matches);
    }
}
