package io.usagekit.events;

import java.util.Objects;

/**
 * A delivery that a figure counts.
 *
 * @param bytes what it adds to the figure: the size of the event that it delivered, in octets; 0 if that was deleted for good
 * @since 0.1
 */
public record SentDelivery(Delivery delivery, long bytes) {

    /** Checks that nothing is null. */
    public SentDelivery {
        Objects.requireNonNull(delivery, "delivery");
    }
}
