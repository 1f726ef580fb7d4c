package io.usagekit.events;

import java.time.LocalDate;
import java.util.Objects;
import java.util.Optional;

/**
 * How many deliveries a group has. Properties by which deliveries aren't grouped are empty.
 *
 * @param day of UTC on which they were made, in the years 1 to 9999: times beyond are of the first or the last day
 * @param endpointId where they went; the empty text: to no endpoint in particular
 * @param status which they have
 * @param deliveries how many, at least one
 * @since 0.1
 */
public record DeliveryCount(
        Optional<LocalDate> day, Optional<String> endpointId, Optional<String> status, long deliveries) {

    /** Property by which deliveries are grouped. */
    public enum Property {
        /** The day of UTC on which they were made. */
        DAY,
        /** Their endpoint. */
        ENDPOINT,
        /** Their status. */
        STATUS
    }

    /** Checks that nothing is null. */
    public DeliveryCount {
        Objects.requireNonNull(day, "day");
        Objects.requireNonNull(endpointId, "endpointId");
        Objects.requireNonNull(status, "status");
    }
}
