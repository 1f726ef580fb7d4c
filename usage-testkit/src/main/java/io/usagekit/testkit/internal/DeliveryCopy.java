package io.usagekit.testkit.internal;

import io.usagekit.events.Delivery;
import java.time.Instant;
import java.util.Optional;

/** Copies of a delivery with other values of some properties. */
public final class DeliveryCopy {

    private DeliveryCopy() {}

    /** Returns the delivery with what an update of its status sets. */
    public static Delivery withStatus(
            Delivery delivery, String status, String failureReason, Optional<Instant> updatedAt) {
        return new Delivery(
                delivery.id(),
                delivery.projectId(),
                delivery.eventId(),
                delivery.endpointId(),
                status,
                delivery.createdAt(),
                failureReason,
                delivery.metadata(),
                updatedAt);
    }
}
