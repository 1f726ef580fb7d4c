package io.usagekit.testkit.contract.deliveries;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.usagekit.events.Delivery;
import io.usagekit.events.DeliveryCount;
import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.NewDelivery;
import io.usagekit.testkit.internal.DeliveryCopy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Cases of another status for all deliveries that meet a filter. */
abstract class DeliveryStatusCases extends DeliveryRepositoryFixture {

    DeliveryStatusCases(DeliveryRepositoryContract contract) {
        super(contract);
    }

    @Test
    final void updatesTheStatusOfThoseThatMeetTheFilterAndOfNoOthers() {
        recordOddlyOrdered().forEach(this::setStatusAgain);
        List<Delivery> before = inOrder();
        for (DeliveryFilter.Builder builder : filters()) {
            DeliveryFilter filter = builder.build();
            for (String status : List.of("Scheduled", "Failure", "", Delivery.SUCCESS)) {
                List<Delivery> expected = before.stream()
                        .map(delivery -> filter.matches(delivery) ? in(status, delivery) : delivery)
                        .toList();
                long changed = IntStream.range(0, before.size())
                        .filter(n -> !expected.get(n).equals(before.get(n)))
                        .count();
                String name = filter + " to " + status;
                assertEquals(changed, deliveries.updateStatus(P, filter, status), name);
                assertEquals(expected, inOrder(), name);
                // Each case begins with the same deliveries.
                before.forEach(this::setStatusAgain);
            }
        }
        assertEquals(
                "Failure", events.findDelivery(SIBLING, "sibling").orElseThrow().status());
    }

    private void setStatusAgain(Delivery delivery) {
        events.updateDeliveryStatus(P, delivery.id(), delivery.status(), delivery.failureReason());
    }

    /** The delivery as it is once its status has been set. */
    private static Delivery in(String status, Delivery delivery) {
        if (delivery.status().equals(status)) {
            return delivery;
        }
        String failureReason = status.equals(Delivery.SUCCESS) ? "" : delivery.failureReason();
        return DeliveryCopy.withStatus(delivery, status, failureReason, Optional.of(NOW));
    }

    @Test
    final void saysWhenStatusesWereSet() {
        recorded("failed", "warehouse", "Failure", NOW);
        recorded("scheduled", "warehouse", "Scheduled", NOW);
        recorded("elsewhere", "", "Failure", NOW);
        clock.advance(Duration.ofNanos(1_999));
        DeliveryFilter filter = DeliveryFilter.builder().endpointId("warehouse").build();
        assertEquals(1, deliveries.updateStatus(P, filter, "Scheduled"));
        assertEquals(
                Map.of(
                        "failed",
                        Optional.of(NOW.plusNanos(1_000)),
                        "scheduled",
                        Optional.empty(),
                        "elsewhere",
                        Optional.empty()),
                inOrder().stream().collect(Collectors.toMap(Delivery::id, Delivery::updatedAt)));
    }

    @Test
    final void updatesMoreDeliveriesThanABatchHas() {
        List<NewDelivery> many = IntStream.range(0, 2_500)
                .mapToObj(n -> delivery("d" + n, "", n % 5 == 0 ? "Failure" : "Retry", NOW.plusNanos(n / 2 * 1_000L)))
                .toList();
        events.recordDeliveries(many);
        DeliveryFilter retried =
                DeliveryFilter.builder().statuses(List.of("Retry")).build();
        assertEquals(2_000, deliveries.updateStatus(P, retried, "Scheduled"));
        assertEquals(0, deliveries.updateStatus(P, retried, "Scheduled"));
        assertEquals(500, deliveries.updateStatus(P, DeliveryFilter.ALL, "Scheduled"));
        assertEquals(
                List.of(new DeliveryCount(Optional.empty(), Optional.empty(), Optional.of("Scheduled"), 2_500)),
                deliveries.count(P, DeliveryFilter.ALL, Set.of(DeliveryCount.Property.STATUS)));
    }
}
