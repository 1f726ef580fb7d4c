package io.usagekit.testkit.contract.deliveries;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryCount;
import io.usagekit.events.DeliveryFilter;
import io.usagekit.testkit.internal.CodePoints;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Cases of finding deliveries by id, and of counting them. */
abstract class DeliveryLookupCases extends DeliveryRepositoryFixture {

    private static final Comparator<DeliveryCount> BY_DAY_ENDPOINT_STATUS = Comparator.comparing(
                    (DeliveryCount count) -> count.day().orElse(LocalDate.MIN))
            .thenComparing(count -> count.endpointId().orElse(""), CodePoints.ORDER)
            .thenComparing(count -> count.status().orElse(""), CodePoints.ORDER);

    DeliveryLookupCases(DeliveryRepositoryContract contract) {
        super(contract);
    }

    @Test
    final void findsDeliveriesInTheRequestedOrder() {
        recordOddlyOrdered();
        List<String> requested = List.of("e11", "none", "sibling", "a0", "e11", "B2");
        assertEquals(List.of("e11", "a0", "B2"), ids(deliveries.findAll(P, requested)));
        assertEquals(events.findDelivery(P, "a0").stream().toList(), deliveries.findAll(P, List.of("a0")));
        assertEquals(List.of("sibling"), ids(deliveries.findAll(SIBLING, requested)));
        assertEquals(List.of(), deliveries.findAll(P, List.of()));
    }

    @Test
    final void countsByEachCombinationOfProperties() {
        List<Delivery> all = recordOddlyOrdered();
        assertEquals(
                List.of(new DeliveryCount(Optional.empty(), Optional.empty(), Optional.empty(), all.size())),
                deliveries.count(P, DeliveryFilter.ALL, Set.of()));
        recorded("early", "warehouse", "Retry", Instant.parse("2026-03-16T23:59:59.999999Z"));
        recorded("late", "warehouse", "Retry", Instant.parse("2026-03-18T00:00:00Z"));
        List<Delivery> ascending = inOrder();
        for (DeliveryFilter.Builder filter : filters()) {
            for (Set<DeliveryCount.Property> properties : combinations()) {
                Map<List<Optional<?>>, Long> expected = ascending.stream()
                        .filter(filter.build()::matches)
                        .collect(Collectors.groupingBy(
                                delivery -> groupOf(delivery, properties), Collectors.counting()));
                List<DeliveryCount> counts = deliveries.count(P, filter.build(), properties);
                String name = filter.build() + " by " + properties;
                assertEquals(
                        expected,
                        counts.stream()
                                .collect(Collectors.toMap(
                                        count -> List.of(count.day(), count.endpointId(), count.status()),
                                        DeliveryCount::deliveries)),
                        name);
                assertEquals(counts.stream().sorted(BY_DAY_ENDPOINT_STATUS).toList(), counts, () -> name + " in order");
            }
        }
    }

    private static List<Set<DeliveryCount.Property>> combinations() {
        List<Set<DeliveryCount.Property>> all = new ArrayList<>(List.of(Set.of()));
        for (DeliveryCount.Property property : DeliveryCount.Property.values()) {
            for (Set<DeliveryCount.Property> without : List.copyOf(all)) {
                Set<DeliveryCount.Property> with = EnumSet.of(property);
                with.addAll(without);
                all.add(with);
            }
        }
        return all;
    }

    private static List<Optional<?>> groupOf(Delivery delivery, Set<DeliveryCount.Property> properties) {
        LocalDate day = delivery.createdAt().atOffset(ZoneOffset.UTC).toLocalDate();
        return List.of(
                properties.contains(DeliveryCount.Property.DAY) ? Optional.of(day) : Optional.empty(),
                properties.contains(DeliveryCount.Property.ENDPOINT)
                        ? Optional.of(delivery.endpointId())
                        : Optional.empty(),
                properties.contains(DeliveryCount.Property.STATUS) ? Optional.of(delivery.status()) : Optional.empty());
    }
}
