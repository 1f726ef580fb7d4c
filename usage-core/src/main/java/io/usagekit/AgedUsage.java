package io.usagekit;

import java.time.Duration;
import java.util.Objects;

/**
 * A figure and how old it is. The age is elapsed time, measured by the cache or the process that stored the figure; it isn't
 * the difference of two machines' wall clocks.
 *
 * @param usage the figure
 * @param age time since its computation began, at least zero
 * @since 0.1
 */
public record AgedUsage(OrganisationUsage usage, Duration age) {

    /**
     * @throws IllegalArgumentException if {@code age} is negative
     */
    public AgedUsage {
        Objects.requireNonNull(usage, "usage");
        if (age.isNegative()) {
            throw new IllegalArgumentException("age must be at least 0, but was " + age);
        }
    }
}
