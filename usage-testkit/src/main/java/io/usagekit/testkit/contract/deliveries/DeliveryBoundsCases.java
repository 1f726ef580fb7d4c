package io.usagekit.testkit.contract.deliveries;

import static io.usagekit.testkit.internal.ContractAssertions.assertRejected;

import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.PageRequest;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Cases of rejected arguments. */
abstract class DeliveryBoundsCases extends DeliveryRepositoryFixture {

    DeliveryBoundsCases(DeliveryRepositoryContract contract) {
        super(contract);
    }

    @Test
    final void rejectsArgumentsOutOfBounds() {
        for (String bad : List.of("a\0b", "\ud800", "é".repeat(128))) {
            assertRejected(() -> DeliveryFilter.builder().endpointId(bad), "endpointId");
            assertRejected(() -> DeliveryFilter.builder().statuses(List.of("fine", bad)), "statuses");
            assertRejected(() -> deliveries.updateStatus(P, DeliveryFilter.ALL, bad), "status");
        }
        for (String bad : List.of("", " ", "a\0b", "\ud800", "é".repeat(128))) {
            assertRejected(() -> DeliveryFilter.builder().eventId(bad), "eventId");
            assertRejected(() -> deliveries.findAll(bad, List.of()), "projectId");
            assertRejected(() -> deliveries.findAll(P, List.of("fine", bad)), "deliveryIds");
            assertRejected(() -> deliveries.count(bad, DeliveryFilter.ALL, Set.of()), "projectId");
            assertRejected(() -> deliveries.updateStatus(bad, DeliveryFilter.ALL, ""), "projectId");
            assertRejected(
                    () -> deliveries.page(bad, DeliveryFilter.ALL, PageRequest.first(1, EventOrder.ASCENDING)),
                    "projectId");
        }
        List<String> statuses = IntStream.range(0, 21).mapToObj(String::valueOf).toList();
        DeliveryFilter.builder().statuses(statuses.subList(0, 20));
        assertRejected(
                () -> DeliveryFilter.builder().statuses(statuses),
                "statuses must have at most 20 different ones, but has 21");
    }
}
